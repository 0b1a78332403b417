"""How much a gateway adds to a call: by the median, as a promise allows, with a share of the slack."""

import pytest

from tests.harness.judges.overhead import overhead_faults
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.missed import Missed, missed_of
from tests.harness.world.reply import Reply

SLACK = 0.6
DIRECT = [0.001, 0.002, 0.5]
"""The median is 2 ms: one call met a busy moment."""


def _block(*took: float) -> list[Reply]:
    return [
        Reply(f"o1-{number}", float(number), number + seconds, 200, "OK", "a") for number, seconds in enumerate(took)
    ]


@pytest.mark.parametrize(
    ("median", "promised", "faults"), [(0.1, 0.0, 0), (0.104, 0.0, 1), (0.5, 0.4, 0), (0.5, 0.3, 1)]
)
def test_the_median_may_be_above_that_of_direct_calls_by_the_promise(
    median: float, promised: float, faults: int
) -> None:
    """A sixth of the slack is on top, and single slow calls do not count."""
    budgets = Budgets(Promises(overhead=promised), SLACK + promised)
    block = _block(0.001, 0.001, median, 2.0, 3.0)

    assert len(overhead_faults(block, DIRECT, budgets)) == faults


def test_a_complaint_says_how_much_and_when() -> None:
    """What a machine took while they were placed is compared with what it must have added to the faster half."""
    budgets = Budgets(Promises(), SLACK)
    with pytest.raises(AssertionError, match="a call takes 398 ms longer than a direct one, 100 ms at most") as error:
        assert not overhead_faults(_block(0.3, 0.4, 0.5), DIRECT, budgets)

    (missed,) = missed_of(error.value)
    assert missed == Missed(missed.by, since=0.0, until=2.5)
    assert missed.by == pytest.approx(0.198 + 0.298)
