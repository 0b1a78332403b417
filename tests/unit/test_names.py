"""How long a gateway may take over a name that is back: what the backoff of resolutions leaves room for."""

import pytest

from tests.harness.names import asks_again_within


@pytest.mark.parametrize(
    ("failing", "waits"),
    [(0.0, 0), (0.79, 0), (0.8, 1), (2.07, 1), (2.08, 2), (4.12, 2), (4.13, 3)],
)
def test_the_longest_wait_grows_with_those_that_can_have_passed(failing: float, waits: int) -> None:
    """The shortest waits, 0.8, 1.28 and 2.05 s, say which one can be under way; the longest say how long it may be."""
    assert asks_again_within(failing) == pytest.approx(1.2 * 1.6 * 1.6**waits)


@pytest.mark.parametrize("jitter", [0.8, 1.0, 1.2])
@pytest.mark.parametrize("first", [1.0, 1.6])
def test_no_client_with_that_backoff_is_late(first: float, jitter: float) -> None:
    """Whenever the name comes back, the next question of C-core and of grpc-go comes within what is granted."""
    asked = [0.0]
    for number in range(8):
        asked.append(asked[-1] + jitter * first * 1.6**number)
    for back in (number / 20 for number in range(400)):
        later = [at for at in asked if at > back]
        assert not later or later[0] - back <= asks_again_within(back) + 1e-9
