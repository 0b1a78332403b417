"""
Checks: what holds in every behaviour, judged on the complete evidence of each.

A behaviour judges one promise and looks at nothing else. A check looks at everything that one behaviour left in its
timeline, after its last line, and knows nothing of what that behaviour was for: a gateway that makes calls which no one
ordered does so anywhere.

Rule 1: a check is a pure function over the history, so a replay judges as the run did.
Rule 2: where its evidence is missing (another environment, an older record) it does not judge, and gives the reason.
Rule 3: its bound comes from the promises, and its docstring names the legal clients that must stay within it, and why.
Rule 4: a check counts what happened, never how long something took, so a busy machine excuses nothing.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.harness.causes.case import Case, Finding
from tests.harness.world.verdict import SubjectWrongError


@dataclass(frozen=True)
class Absent:
    """A check could not judge: what its evidence lacks."""

    why: str


Verdict = Finding | Absent | None
"""What a check makes of a case: what is wrong and why, that it cannot know, or that it holds."""

Check = Callable[[Case], Verdict]

_checks: dict[str, Check] = {}


def check(judge: Check) -> Check:
    """Have a function judge every behaviour; its name is the check's. Raises ValueError for a name that is taken."""
    name = getattr(judge, "__name__", "")
    if name in _checks:
        raise ValueError(f"two checks are called {name}")
    _checks[name] = judge
    return judge


def finding_of(judge: Check, case: Case) -> Finding | None:
    """Return what a check finds wrong; None where it holds or cannot judge."""
    verdict = judge(case)
    return verdict if isinstance(verdict, Finding) else None


def checks() -> Mapping[str, Check]:
    """Return every check by its name."""
    return dict(_checks)


def claim_of(judge: Check) -> str:
    """Return what is true if a check holds: the first paragraph of its docstring."""
    return inspect.cleandoc(judge.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def environment_of(case: Case) -> str:
    """Return the name of the environment, "" for a record that does not know it."""
    return str(next((event.members["environment"] for event in case.history.of_kind("began")), ""))


def slack_of(case: Case) -> float:
    """Return the seconds that the environment may add to a promise, for a record that does not know them the most."""
    return float(next((event.members["slack"] for event in case.history.of_kind("began")), 2.0))


class CheckFailedError(SubjectWrongError):
    """A gateway broke a rule that holds in every behaviour; the finding names the cause."""

    def __init__(self, name: str, finding: Finding) -> None:
        super().__init__(f"{name.replace('_', ' ')} (checked in every behaviour): {finding.seen}")
        self.check = name
        self.finding = finding


@dataclass
class Checked:
    """Which checks held in one behaviour, and which could not judge and why."""

    held: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)


def broken(case: Case) -> CheckFailedError | None:
    """Return the first check that a case breaks, None if it breaks none."""
    try:
        judge(case)
    except CheckFailedError as error:
        return error
    return None


def judge(case: Case, among: Mapping[str, Check] | None = None) -> Checked:
    """Return what every check makes of a behaviour. Raises CheckFailedError for the first one that is broken."""
    done = Checked()
    for name, function in (checks() if among is None else among).items():
        verdict = function(case)
        if isinstance(verdict, Finding):
            raise CheckFailedError(name, verdict)
        if isinstance(verdict, Absent):
            done.absent[name] = verdict.why
        else:
            done.held.append(name)
    return done
