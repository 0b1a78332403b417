"""What a behaviour runs against: the subject, a mutant that it must catch, or a control that it must acquit."""

from dataclasses import dataclass, replace

import pytest

from tests.harness.subject.control import Control
from tests.harness.subject.mutant import Mutant
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.suggestion import did_you_mean
from tests.harness.themes import controls, mutants


@dataclass(frozen=True)
class Run:
    """
    One run of a behaviour: in which environment, and against which mutant or positive control, if any.

    `stand_in` is one of those that is judged as the subject itself: the verdict is on it, and none is expected.
    """

    environment: str
    mutant: Mutant | None = None
    control: Control | None = None
    stand_in: Mutant | Control | None = None

    def variant(self, subject: Subject) -> Variant:
        """Return what to run; a stand-in's variables give way to those that a behaviour requests, as a subject's do."""
        if self.stand_in:
            return replace(self.stand_in.variant(subject), variables={})
        instead = self.mutant or self.control
        return instead.variant(subject) if instead else Variant(subject)

    @property
    def instead(self) -> str:
        """The name of what runs instead of the subject, "" for the subject itself."""
        instead = self.mutant or self.control
        return instead.name if instead else ""


def mutants_of(item: pytest.Item) -> list[Mutant]:
    """Return the mutants that a behaviour names, in the order named."""
    return [mutant for mark in item.iter_markers("catches") for mutant in mark.args]


def controls_of(item: pytest.Item, config: pytest.Config) -> list[Control]:
    """Return the right gateways that a behaviour names, in the order named; with --controls=all every one."""
    if config.getoption("--controls") == "all":
        return list(controls())
    return [control for mark in item.iter_markers("acquits") for control in mark.args]


def positive_control(control: Control) -> "pytest.ParameterSet":
    """Return the parameter of a run against a right but unusual gateway."""
    marks = [pytest.mark.loopback, pytest.mark.positive_control]
    return pytest.param(Run("loopback", control=control), id=f"loopback-{control.name}", marks=marks)


def negative_control(environment: str, mutant: Mutant) -> "pytest.ParameterSet":
    """Return the parameter of a run against a mutant, which must fail."""
    must_fail = pytest.mark.xfail(strict=True, raises=AssertionError, reason=f"the gateway: {mutant.wrong}")
    marks = [getattr(pytest.mark, environment), pytest.mark.negative_control, must_fail]
    return pytest.param(Run(environment, mutant), id=f"{environment}-{mutant.name}", marks=marks)


def stand_in_named(name: str) -> Mutant | Control | None:
    """Return the mutant or control of that name, None for "". Raises UsageError if there is none."""
    every: list[Mutant | Control] = [*mutants(), *controls()] if name else []
    known = {one.name: one for one in every}
    if name and name not in known:
        raise pytest.UsageError(f"--stand-in: {name!r} is neither a mutant nor a control{did_you_mean(name, known)}")
    return known.get(name)
