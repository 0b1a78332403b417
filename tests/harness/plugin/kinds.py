"""What a test is by its id alone: a worker tells its controller no more."""

from pathlib import Path

from tests.harness.plugin.selection import ENVIRONMENTS
from tests.harness.report.course import Kind
from tests.harness.report.result import Result
from tests.harness.themes import controls, mutants
from tests.harness.world.verdict import Verdict

_MUTANTS = {mutant.name for mutant in mutants()}
_ACQUITTED = {control.name for control in controls()}

_OF_THE_SUITE = ("tests/unit/", "tests/suite/")
"""Where tests lie whose parameters may be called as an environment is, and that are not behaviours."""


def kind_of(node_id: str) -> Kind:
    """Return what a test is. A positive control is the suite's own, not about the subject."""
    environment, *others = parameters(node_id)
    if environment not in ENVIRONMENTS or node_id.startswith(_OF_THE_SUITE) or is_acquittal(node_id):
        return Kind.OTHER
    return Kind.CONTROL if others and others[0] in _MUTANTS else Kind.BEHAVIOUR


def is_acquittal(node_id: str) -> bool:
    """Say whether it is a behaviour against a right but unusual gateway."""
    environment, *others = parameters(node_id)
    return environment in ENVIRONMENTS and bool(others) and others[0] in _ACQUITTED


def parameters(node_id: str) -> list[str]:
    """Return its parameters: of a behaviour the environment, then the mutant or control if any, then its own."""
    return node_id.partition("[")[2].partition("]")[0].split("-")


def own_parameter(node_id: str) -> str:
    """Return the parameter of a behaviour without environment, mutant and control, "" if it has none."""
    environment, *others = parameters(node_id)
    if environment not in ENVIRONMENTS:
        return ""
    return "-".join(others[1:] if others and others[0] in _MUTANTS | _ACQUITTED else others)


def result_for(node_id: str, verdict: Verdict, message: str) -> Result:
    """Return a result for a behaviour that comes from elsewhere than its own process."""
    path, _, function = node_id.partition("@")[0].partition("::")  # xdist adds @group
    environment, *others = parameters(function)
    mutant = others.pop(0) if others and others[0] in _MUTANTS else None
    own = "-".join(others)
    return Result(
        id=f"{path}::{function}",
        file=Path(path).name,
        behaviour=function.partition("[")[0] + (f"[{own}]" if own else ""),
        claim="",
        environment=environment,
        mutant=mutant,
        verdict=verdict,
        measured="",
        message=message,
        seconds=0.0,
        timeline="",
    )
