"""The examples in the docstrings of rules: a history that fires the rule, and one near it that must not."""

import doctest
from types import ModuleType

import pytest

from tests.harness.themes import modules
from tests.unit.helpers.story import Story, in_turn


@pytest.mark.parametrize("module", modules("causes"), ids=lambda module: module.__name__.removeprefix("tests."))
def test_the_examples_of_rules_come_out_as_written(module: ModuleType) -> None:
    """Where a rule has some; Story and in_turn are known to them."""
    found = doctest.testmod(module, extraglobs={"Story": Story, "in_turn": in_turn}, report=True)

    assert found.failed == 0
