"""A remote that left a request unanswered is pinged before the next, and given up after three pings."""

from tests.harness.world.answering import PINGS, Answering


class Silent:
    """A remote without a reply to any ping."""

    def __init__(self) -> None:
        self.pings = 0

    def __call__(self) -> bool:
        """Count a ping."""
        self.pings += 1
        return False


def test_nothing_is_pinged_while_all_is_well() -> None:
    """A request is made without a ping."""
    silent = Silent()
    answering = Answering(silent)

    assert [answering.answers() for _ in range(3)] == [True, True, True]
    assert silent.pings == 0


def test_a_remote_that_was_just_slow_is_used_again() -> None:
    """Its reply to one ping is enough, and the next request is made without one."""
    replies = iter([False, True])
    answering = Answering(lambda: next(replies))
    answering.left_unanswered()

    assert [answering.answers() for _ in range(3)] == [False, True, True]


def test_a_remote_that_never_replies_is_pinged_three_times() -> None:
    """Not again for each request of a run, no matter how often a request is reported as unanswered."""
    silent = Silent()
    answering = Answering(silent)
    answering.left_unanswered()
    answering.left_unanswered()

    assert [answering.answers() for _ in range(10)] == [False] * 10
    answering.left_unanswered()
    assert not answering.answers()
    assert silent.pings == PINGS
