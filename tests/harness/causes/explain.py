"""
Why a behaviour failed: one sentence on what was observed, the most likely cause, the setting that fixes it.

Rule 1: a cause is judged by the history alone. What the behaviour promises only decides which rules run first.
Rule 2: the first rule that fires names the cause; those of the behaviour come first, then the general ones (rules.py).
Rule 3: if no rule fires, or the evidence leaves several causes, the report states it, and what would decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.harness.causes.case import Case, Finding, Sureness, many, tally, times, undecided
from tests.harness.causes.rules import Rule, general_rules
from tests.harness.causes.settings import CAUSES, remedy
from tests.harness.subject.service_configs import about_method

UNKNOWN = "not known"


@dataclass(frozen=True)
class Explanation:
    """
    Why a behaviour failed, in words.

    `suspects` are the names of the causes (causes.toml of a theme), several if it is undecided.
    """

    suspects: tuple[str, ...]
    seen: str
    cause: str
    remedy: str
    sureness: str

    def about(self, method: str) -> "Explanation":
        """Return the same in words about this method, in place of the order service's; "" for that one."""
        cause, remedy = about_method(self.cause, method), about_method(self.remedy, method)
        return replace(self, cause=cause, remedy=remedy)


def find(case: Case, first: Sequence[Rule]) -> Finding:
    """Return what the first rule that fires finds: first those of the behaviour, then the general ones."""
    for rule in (*first, *general_rules(case.policy)):
        if finding := rule(case):
            return finding
    return undecided((), facts(case), "no rule recognises this evidence; the timeline holds all of it")


def explain(case: Case, language: str, first: Sequence[Rule] = ()) -> Explanation:
    """
    Explain why a behaviour failed for a subject in this language ("" if it is not known).

    `first` are the rules that the behaviour names, for exactly what it promises.
    """
    finding = find(case, first)
    link = "; what would decide: " if finding.sureness is Sureness.UNDECIDED and finding.suspects else ": "
    return Explanation(
        suspects=finding.suspects,
        seen=finding.seen,
        cause=" Or: ".join(CAUSES[name].text for name in finding.suspects) or UNKNOWN,
        remedy=fixes(finding.suspects, language, "if"),
        sureness=f"{finding.sureness}{link}{finding.because}",
    )


def fixes(causes: Sequence[str], language: str, each: str) -> str:
    """Return what fixes these causes, a line for each setting; of several, `each` and its cause precede a line."""
    which = {name: "" if len(causes) == 1 else f"{each} {name.replace('_', ' ')}: " for name in causes}
    return "\n".join(f"{which[name]}{line}" for name in causes for line in remedy(CAUSES[name], language))


def how_sure(sureness: str) -> str:
    """Return the first word of an explanation's sureness: "certain", "likely", "undecided"; "" for none."""
    return sureness.partition(":")[0].partition(";")[0]


def unexplained(seen: str) -> Explanation:
    """Return that no cause is known, and why none was searched for."""
    return Explanation((), seen, UNKNOWN, "", str(Sureness.UNDECIDED))


def facts(case: Case) -> str:
    """Return the bare facts in one sentence, if no rule has a better one."""
    seen = f"{many(len(case.calls), 'call')}, {len(case.failed)} failed"
    if case.attempts:
        connections = len({attempt.peer for attempt in case.attempts})
        spread = tally(attempt.replica for attempt in case.attempts)
        seen += f"; {many(len(case.attempts), 'attempt')} spread {spread} over {many(connections, 'connection')}"
    if case.answers is not None:
        seen += f"; DNS was queried {times(len(case.answers))}"
    return seen
