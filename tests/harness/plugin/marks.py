"""Marks of behaviours that pytest.mark cannot express by itself, or that several behaviours share."""

import pytest

from tests.harness.causes.rules import Rule

records_stay = pytest.mark.records_stay


def explained_by(*rules: Rule) -> pytest.MarkDecorator:
    """
    Mark a behaviour with the rules that explain just what it promises: they are tried before the general ones.

    pytest.mark itself treats a mark with one function as its argument as the decorator of that function.
    """
    return pytest.mark.explained_by.with_args(*rules)
