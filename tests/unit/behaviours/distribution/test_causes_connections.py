"""More connections than replicas: a pool, connections that replaced each other, and those that were left open."""

from tests.behaviours.distribution import causes_connections as connections
from tests.unit.helpers.story import NAMES, Story, in_turn, suspects


def settled() -> Story:
    """Return a gateway that queried once and served one call of another caller before it is judged."""
    return Story().asked(0.4).call(0.5, "a", caller=7)


def test_more_connections_than_replicas_are_a_pool() -> None:
    """Four connections to three replicas, used again and again."""
    story = settled().calls(1.1, *["a", "b", "c", "a:OK:p2"] * 8)

    assert suspects(connections.channel_pool(story.case())) == ("channel_pool",)


def test_connections_that_carry_nothing_are_a_pool_too() -> None:
    """Calls in turn over one connection each, and another one open to every replica: a pool, or the first of a leak."""
    story = settled()
    for name in NAMES:
        story.connected(0.4, name, f"p{name}").connected(0.4, name, f"q{name}")

    assert suspects(connections.channel_pool(story.calls(1.1, *in_turn(30)).case())) == ("channel_pool", "leak")


def test_connections_that_were_closed_before_are_not_a_pool() -> None:
    """Those of the previous gateway do not count, although their end is reported a little late."""
    story = settled()
    for name in NAMES:
        story.connected(-0.1, name, f"q{name}", closed=1.1).connected(0.4, name, f"p{name}")

    assert connections.channel_pool(story.calls(1.1, *in_turn(30)).case()) is None


def test_connections_that_replaced_each_other_are_not_a_pool() -> None:
    """Each was cut before the next one was opened: they were never in use at the same time."""
    story = settled()
    for cut in range(4):
        story.calls(1.1 + cut, *[f"{name}:OK:p{name}{cut}" for name in in_turn(9)])

    assert connections.channel_pool(story.case()) is None


def test_connections_that_pile_up_are_a_leak() -> None:
    """One more to each replica every second, and none of them carries a call: that is no pool."""
    story = settled()
    for name in NAMES:
        story.connected(0.4, name, f"p{name}")
    for number in range(4):
        story.connected(1.2 + number, NAMES[number % 2], f"q{number}")
    case = story.calls(1.1, *in_turn(60), every=0.1).case()

    assert connections.channel_pool(case) is None
    assert suspects(connections.left_open(case)) == ("leak",)
