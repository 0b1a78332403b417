"""What a behaviour cost of which no more than arrivals are seen."""

from tests.harness.price.price import price_of
from tests.unit.helpers.story import Story


def test_arrivals_show_no_lost_calls() -> None:
    """How they end is not seen."""
    story = Story().event(0.5, "correlation", found="arrivals").call(1.1, "a").call(1.2, code="UNAVAILABLE")
    price = price_of(story.case())

    assert price is not None
    assert (price.calls, price.lost, price.outage) == (0, 0, None)
