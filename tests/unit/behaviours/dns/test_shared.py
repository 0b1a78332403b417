"""The first answer that a gateway received, and how long it may take over a name that is back."""

import pytest

from tests.behaviours.dns.shared import asks_again_within, first_answered
from tests.harness.subject.promises import Promises
from tests.harness.world.capabilities import Query
from tests.harness.world.verdict import InconclusiveError


@pytest.mark.parametrize(
    ("failing", "waits"),
    [(0.0, 0), (0.79, 0), (0.8, 1), (2.07, 1), (2.08, 2), (4.12, 2), (4.13, 3)],
)
def test_the_longest_wait_grows_with_those_that_can_have_passed(failing: float, waits: int) -> None:
    """The shortest waits, 0.8, 1.28 and 2.05 s, say which one can be under way; the longest say how long it may be."""
    assert asks_again_within(failing, Promises()) == pytest.approx(1.2 * 1.6 * 1.6**waits)


@pytest.mark.parametrize("jitter", [0.8, 1.0, 1.2])
@pytest.mark.parametrize("first", [1.0, 1.6])
def test_no_client_with_that_backoff_is_late(first: float, jitter: float) -> None:
    """Whenever the name comes back, the next question of C-core and of grpc-go comes within what is granted."""
    asked = [0.0]
    for number in range(8):
        asked.append(asked[-1] + jitter * first * 1.6**number)
    for back in (number / 20 for number in range(400)):
        later = [at for at in asked if at > back]
        assert not later or later[0] - back <= asks_again_within(back, Promises()) + 1e-9


def test_a_promised_pace_takes_the_place_of_the_backoff() -> None:
    """However long the name was away, the next query comes as promised."""
    promises = Promises(dns_retry_within=3.0)

    assert [asks_again_within(failing, promises) for failing in (0.0, 1.0, 60.0)] == [3.0, 3.0, 3.0]


def query(kind: str, *answer: str) -> Query:
    """Return a question of that kind, answered so."""
    return Query(0.0, 0.0, "order-service", kind, "udp", "127.0.0.1:1", answer, "NOERROR")


def test_the_kind_that_is_asked_first_does_not_count() -> None:
    """A resolver that sends A and AAAA together received the addresses of A, whichever arrived first."""
    a, aaaa = query("A", "127.0.0.2"), query("AAAA")

    assert first_answered([aaaa, a]) == first_answered([a, aaaa]) == a


def test_a_name_of_the_search_list_tells_no_address() -> None:
    """What a resolver tries before the name itself is answered with nothing, and is passed over."""
    assert first_answered([query("A"), query("A", "127.0.0.2")]).answer == ("127.0.0.2",)


def test_a_gateway_without_an_answer_cannot_be_judged_by_it() -> None:
    """Without any addresses in an answer there is no first list to compare with."""
    with pytest.raises(InconclusiveError, match="has received no address"):
        first_answered([query("AAAA")])
