"""Marks of behaviours that pytest.mark cannot express by itself, or that several behaviours share."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.causes.rules import Rule


def records_stay(behaviour: Callable[..., Any]) -> Callable[..., Any]:
    """
    Mark a behaviour in which a replica that is down stays listed, and refuses connections immediately.

    In containers its service ends while the container lives on. On Kubernetes, calls to a pod whose service was killed
    have hung until their deadline instead: it is not judged there until that is understood.
    """
    hosted = pytest.mark.only_in(
        "loopback", "compose", reason="a replica that is down stays listed there, and refuses connections immediately"
    )
    marked: Callable[..., Any] = hosted(pytest.mark.records_stay(behaviour))
    return marked


def explained_by(*rules: Rule) -> pytest.MarkDecorator:
    """
    Mark a behaviour with the rules that explain just what it promises: they are tried before the general ones.

    pytest.mark itself treats a mark with one function as its argument as the decorator of that function.
    """
    return pytest.mark.explained_by.with_args(*rules)
