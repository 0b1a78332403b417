"""Why a gateway does not use every address of a long list."""

from tests.behaviours.distribution.causes_sizes import some_addresses
from tests.unit.helpers.story import Story, in_turn, suspects


def test_more_addresses_than_are_used() -> None:
    """Ten addresses were answered, and calls rotate over three; with three of three nothing is named."""
    story = Story().asked(0.5, *(f"127.0.0.{number}" for number in range(2, 12))).calls(1.1, *in_turn(12))

    assert suspects(some_addresses(story.case())) == ("address_limit",)
    assert suspects(some_addresses(Story().asked(0.5).calls(1.1, *in_turn(12)).case())) == ()


def test_a_gateway_that_uses_one_address_has_no_limit_on_them() -> None:
    """That is pick_first, which the other rules name."""
    story = Story().asked(0.5, *(f"127.0.0.{number}" for number in range(2, 12))).calls(1.1, *["a"] * 12)

    assert suspects(some_addresses(story.case())) == ()
