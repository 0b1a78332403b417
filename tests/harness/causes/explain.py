"""
Why a behaviour did not hold: one sentence of what was seen, the most likely cause, the setting that mends it.

Rule 1: a cause is judged by the history alone. What the behaviour promises only says which rules are asked first.
Rule 2: the first rule that fires names the cause; those of the behaviour come first, then the general ones (rules.py).
Rule 3: where no rule fires, or the evidence leaves several causes, that is said, and what would decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.causes.case import Case, Finding, Sureness, many, tally, undecided
from tests.harness.causes.rules import Rule, general_rules
from tests.harness.causes.settings import CAUSES, remedy

UNKNOWN = "not known"


@dataclass(frozen=True)
class Explanation:
    """
    Why a behaviour did not hold, in words.

    `suspects` are the names of the causes (causes.toml of a theme), several where it is undecided.
    """

    suspects: tuple[str, ...]
    seen: str
    cause: str
    remedy: str
    sureness: str


def find(case: Case, first: Sequence[Rule]) -> Finding:
    """Return what the first rule that fires finds: of those of the behaviour, and then of the general ones."""
    for rule in (*first, *general_rules(case.policy)):
        if finding := rule(case):
            return finding
    return undecided((), facts(case), "no rule knows this picture; its timeline holds all of it")


def explain(case: Case, language: str, first: Sequence[Rule] = ()) -> Explanation:
    """
    Explain why a behaviour did not hold of a subject in this language ("" if it is not known).

    `first` are the rules that the behaviour names, which answer just what it promises.
    """
    finding = find(case, first)
    causes = [CAUSES[name] for name in finding.suspects]
    which = ["" if len(causes) == 1 else f"if {cause.name.replace('_', ' ')}: " for cause in causes]
    mends = [f"{if_it}{line}" for if_it, cause in zip(which, causes, strict=True) for line in remedy(cause, language)]
    link = "; what would decide: " if finding.sureness is Sureness.UNDECIDED and causes else ": "
    return Explanation(
        suspects=finding.suspects,
        seen=finding.seen,
        cause=" Or: ".join(cause.text for cause in causes) or UNKNOWN,
        remedy="\n".join(mends),
        sureness=f"{finding.sureness}{link}{finding.because}",
    )


def unexplained(seen: str) -> Explanation:
    """Return that no cause is known, and why none was looked for."""
    return Explanation((), seen, UNKNOWN, "", str(Sureness.UNDECIDED))


def facts(case: Case) -> str:
    """Return the bare facts in one sentence, where no rule has a better one."""
    seen = f"{many(len(case.calls), 'call')}, {len(case.failed)} failed"
    if case.attempts:
        connections = len({each.peer for each in case.attempts})
        spread = tally(each.replica for each in case.attempts)
        seen += f"; {many(len(case.attempts), 'attempt')} spread {spread} over {many(connections, 'connection')}"
    if case.answers is not None:
        seen += f"; the name server was asked {many(len(case.answers), 'time')}"
    return seen
