"""Why a gateway does not use every address of a long list."""

from tests.behaviours.distribution.causes_sizes import fewer_addresses, some_addresses
from tests.unit.helpers.story import ADDRESSES, Story, in_turn, suspects


def test_more_addresses_than_are_used() -> None:
    """Ten addresses were answered, and calls rotate over three; with three of three nothing is named."""
    story = Story().asked(0.5, *(f"127.0.0.{number}" for number in range(2, 12))).calls(1.1, *in_turn(12))

    assert suspects(some_addresses(story.case())) == ("address_limit",)
    assert suspects(some_addresses(Story().asked(0.5).calls(1.1, *in_turn(12)).case())) == ()


def test_a_gateway_that_uses_one_address_has_no_limit_on_them() -> None:
    """That is pick_first, which the other rules name."""
    story = Story().asked(0.5, *(f"127.0.0.{number}" for number in range(2, 12))).calls(1.1, *["a"] * 12)

    assert suspects(some_addresses(story.case())) == ()


def test_an_address_that_every_answer_had_and_no_call_reached() -> None:
    """Two of three are used while nothing is broken; where the third is connected, there is another cause."""
    skipped = Story().asked(0.4).calls(1.1, *"ab" * 15)

    assert suspects(fewer_addresses(skipped.case())) == ("address_limit",)
    for name in "abc":
        skipped.connected(0.5, name, f"p{name}")
    assert fewer_addresses(skipped.case()) is None
    assert fewer_addresses(Story().asked(0.4).calls(1.1, *in_turn(30)).case()) is None
    sidecars = Story().asked(0.4).calls(1.1, *["a:OK:p1", "a:OK:p2", "b:OK:p3"] * 10)
    assert fewer_addresses(sidecars.case()) is None
    assert fewer_addresses(Story().asked(0.4, *ADDRESSES[:2]).calls(1.1, *"ab" * 15).case()) is None
