"""Marks of behaviours that pytest.mark cannot say by itself, or that several behaviours share."""

import pytest

from tests.harness.causes.rules import Rule

records_stay = pytest.mark.only_in(
    "loopback", reason="only there does the name of a replica that is down stay listed, and its address refuse at once"
)


def explained_by(*rules: Rule) -> pytest.MarkDecorator:
    """
    Mark a behaviour with the rules that answer just what it promises: they are asked before the general ones.

    pytest.mark itself takes a mark that is given one function for the decorator of that function.
    """
    return pytest.mark.explained_by.with_args(*rules)
