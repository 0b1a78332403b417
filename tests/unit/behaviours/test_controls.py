"""The positive controls as a whole: each is met, says what it promises, and is judged as the black box that it is."""

import dataclasses
import importlib
from types import FunctionType

import pytest

from tests.behaviours.unusual import builders
from tests.harness.plugin.selection import REFERENCE
from tests.harness.subject.control import COMMAND, Control
from tests.harness.subject.subject import Subject
from tests.harness.themes import behaviour_files, controls, module_name, mutants

each_control = pytest.mark.parametrize("control", controls(), ids=lambda control: control.name)


def _marked() -> dict[str, tuple[list[pytest.Mark], FunctionType]]:
    """Return the marks of every behaviour, those of its module included."""
    found = {}
    for file in behaviour_files():
        module = importlib.import_module(module_name(file))
        shared = getattr(module, "pytestmark", [])
        for name, value in vars(module).items():
            if name.startswith("test_") and isinstance(value, FunctionType):
                own = [getattr(mark, "mark", mark) for mark in (shared if isinstance(shared, list) else [shared])]
                found[f"{file.name}::{name}"] = ([*own, *getattr(value, "pytestmark", [])], value)
    return found


MARKED = _marked()


def _named(marks: list[pytest.Mark], name: str) -> list[object]:
    return [argument for mark in marks if mark.name == name for argument in mark.args]


@each_control
def test_each_control_is_named_by_a_behaviour(control: Control) -> None:
    """At least one behaviour says that it acquits the gateway."""
    assert [name for name, (marks, _) in MARKED.items() if control in _named(marks, "acquits")] != []


@pytest.mark.parametrize("name", [name for name, (marks, _) in MARKED.items() if _named(marks, "acquits")])
def test_a_behaviour_can_judge_the_controls_that_it_names(name: str) -> None:
    """It is listed, named once, and promises what the behaviour judges: otherwise nothing would run."""
    marks, _ = MARKED[name]
    named = _named(marks, "acquits")
    reference = Subject.from_file(REFERENCE)

    assert len(named) == len(set(map(id, named)))
    for control in named:
        assert isinstance(control, Control)
        assert control in controls()
        subject = control.subject(reference)
        assert [promise for promise in _named(marks, "promised") if not subject.has(str(promise))] == []
        assert not set(map(str, _named(marks, "feature"))) & subject.unsupported


def test_names_are_unique_and_no_mutants() -> None:
    """A name stands for one gateway, right or wrong; what a right one does is said once."""
    names = [control.name for control in controls()]

    assert len(names) > 15
    assert len(set(names)) == len(names) == len({control.right for control in controls()})
    assert not set(names) & {mutant.name for mutant in mutants()}
    assert not [name for name in names if "-" in name]  # it is a part of a test's id


def test_every_gateway_is_used_and_exists() -> None:
    """The gateways that controls name are exactly those that there are, and each has one control."""
    assert sorted(control.gateway for control in controls() if control.gateway) == sorted(builders())


@each_control
def test_what_runs_for_a_control_is_a_black_box_with_its_promises(control: Control) -> None:
    """It differs from the reference by how it runs and by what it promises, and none of its failures is known."""
    reference = Subject.from_file(REFERENCE)
    subject = control.subject(reference)
    expected = control.command or ((*COMMAND, control.gateway) if control.gateway else reference.command)

    assert (subject.name, subject.tier, subject.command, subject.known_failures) == (control.name, 1, expected, {})
    assert subject.environment == {**reference.environment, **control.variables}
    assert subject.promises == dataclasses.replace(reference.promises, **control.promises)
    assert control.variant(reference).subject == subject
