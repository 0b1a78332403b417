"""A mutant or a control as the subject of a run, for the fault dictionary: judged as any subject, and nothing else."""

from pathlib import Path

import pytest

from tests.harness.plugin.runs import Run, stand_in_named
from tests.harness.plugin.selection import REFERENCE
from tests.harness.subject.mutant import Mutant
from tests.harness.subject.subject import Subject
from tests.unit.helpers.inner_run import HEAD, run

SUITE = (
    HEAD
    + '''
@pytest.mark.catches(PICK_FIRST)
def test_right(orders):
    """The subject is right."""
    assert orders.right, "it is wrong"

@pytest.mark.gateway(CALL_TIMEOUT_MS="100")
def test_configured(orders):
    """It can be configured."""

def test_of_the_suite_itself():
    assert True
'''
)


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["here", "in workers"])
def test_a_mutant_is_judged_as_a_subject(tmp_path: Path, options: tuple[str, ...]) -> None:
    """It fails what it would be caught by, under its name, without controls and tests of the suite itself."""
    outcome = run(tmp_path, SUITE, "--stand-in=pick_first", *options)

    assert outcome.status == 1
    assert outcome.report["subject"]["name"] == "pick_first"
    assert outcome.verdicts == {"test_right": "nonconformant", "test_configured": "conformant"}
    assert outcome.controls == {}


def test_a_control_has_its_own_promises(tmp_path: Path) -> None:
    """What does not apply to it is not judged: it is a black box."""
    outcome = run(tmp_path, SUITE, "--stand-in=waits_for_a_replica")

    assert outcome.report["subject"]["tier"] == 1
    assert set(outcome.verdicts) == {"test_right"}
    assert list(outcome.report["not_judged"]) == ["test_inner.py::test_configured[loopback]"]


def test_a_name_of_nothing_is_refused(tmp_path: Path) -> None:
    """In one line, with the closest that there is."""
    outcome = run(tmp_path, SUITE, "--stand-in=pick_frist")

    assert outcome.status == pytest.ExitCode.USAGE_ERROR
    assert "--stand-in: 'pick_frist' is neither a mutant nor a control; did you mean 'pick_first'?" in outcome.output


def test_its_variables_give_way_to_what_a_behaviour_requests() -> None:
    """As those of a subject's file do; in a negative control they replace both."""
    reference, mutant = Subject.from_file(REFERENCE), stand_in_named("pick_first")
    assert isinstance(mutant, Mutant)
    standing, caught = Run("loopback", stand_in=mutant).variant(reference), Run("loopback", mutant).variant(reference)

    assert standing.subject == caught.subject
    assert (standing.variables, caught.variables) == ({}, mutant.variables)


def test_without_a_name_there_is_none() -> None:
    """The subject is judged."""
    assert stand_in_named("") is None
