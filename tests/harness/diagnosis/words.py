"""The diagnosis of a run in words: one sentence, what fixes it, and what speaks for and against it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from tests.harness.causes.case import many
from tests.harness.causes.explain import fixes
from tests.harness.causes.settings import CAUSES
from tests.harness.diagnosis.conclusion import Conclusion
from tests.harness.diagnosis.dictionary import FAILS, HOLDS
from tests.harness.diagnosis.knowledge import UNJUDGED
from tests.harness.diagnosis.matching import Hypothesis

Spelling: TypeAlias = Callable[[str], str]
"""Returns the name of a behaviour in words."""

MOST = 4
"""Behaviours that a remark names; it counts the others."""


def sentence(found: Conclusion) -> str:
    """Return the diagnosis in one sentence, with the causes in their own words."""
    failures = found.count(found.syndrome.failed, FAILS)
    explained = found.count(found.explained, FAILS)
    what = "the failure" if failures == 1 == explained else f"{explained} of {many(failures, 'failure')}"
    unjudged = found.count({b for one in found.left for b in one.unjudged}, UNJUDGED)
    what += f" and {unjudged} that could not be judged" if unjudged else ""
    if not found.left:
        return (
            f"Not known: no cause explains the {many(failures, 'failure') if failures > 1 else 'failure'} of this run"
        )
    if len(found.left) > 1:
        return f"Undecided: {what} may have one of {len(found.left)} causes: {_either(found.left)}"
    texts = [CAUSES[cause].text for cause in found.causes]
    return f"One cause explains {what}: {texts[0]}" if len(texts) == 1 else f"Two causes explain {what}: {_both(texts)}"


def _either(left: Sequence[Hypothesis]) -> str:
    return " Or: ".join(_both([CAUSES[cause].text for cause in one.causes]) for one in left)


def _both(texts: Sequence[str]) -> str:
    return " And: ".join(texts)


def fix(found: Conclusion, language: str) -> str:
    """Return what fixes it, a line for each setting; "" if it is not known."""
    causes = list(dict.fromkeys(cause for one in found.left for cause in one.causes))
    return fixes(causes, language, "if" if len(found.left) > 1 else "for")


def remarks(found: Conclusion, spelt: Spelling) -> Iterator[str]:
    """Yield how sure it is, what speaks against it, what it leaves, and what would decide; `spelt` names behaviours."""
    yield f"{found.sureness}: {_because(found)}"
    first = found.left[0] if len(found.left) == 1 else None
    if first and first.against:
        held = many(len(first.against), "behaviour holds", "behaviours hold")
        yield f"against it: {held} and did not with this cause elsewhere: {_listed(sorted(first.against), spelt)}"
    if found.contradicted:
        others = [f"{' or '.join(map(_spoken, causes))} ({len(b)})" for causes, b in found.contradicted.items()]
        failures = sum(map(len, found.contradicted.values()))
        yield f"{many(failures, 'failure')} alone would point to another cause: {', '.join(others)}"
    if found.left and found.unexplained:
        yield f"not explained: {_listed(found.unexplained, spelt)}"
    if found.deciding:
        yield f"what would decide: {_listed(found.deciding, spelt)}"


def _because(found: Conclusion) -> str:
    """Return what the probability is, and what it rests on."""
    if len(found.left) != 1:
        closest = [
            f"{' and '.join(map(_spoken, one.causes))} ({_chance(one)}, explains {found.count(one.explained, FAILS)})"
            for one in found.ranked[:3]
        ]
        return f"closest are {', '.join(closest)}" if closest else "no rule recognises the evidence of any failure"
    (first,) = found.left
    if not first.mutants:
        return f"probability {_chance(first)}, by what failed alone: no gateway with this cause was measured"
    known = "a gateway known to have it" if len(first.mutants) == 1 else "gateways known to have them"
    held, every = (found.count(behaviours, HOLDS) for behaviours in (first.held, first.compared))
    return f"probability {_chance(first)}; {held} of {many(every, 'behaviour')} that hold also do with {known}"


def _chance(one: Hypothesis) -> str:
    """Return a probability in words: rounded, and never 1."""
    return "over 0.99" if one.probability > 0.99 else f"{one.probability:.2f}"


def _spoken(cause: str) -> str:
    return cause.replace("_", " ")


def _listed(behaviours: Sequence[str], spelt: Spelling) -> str:
    """Return behaviours in words, the first few by name."""
    named = [spelt(behaviour.partition("::")[2]) for behaviour in behaviours[:MOST]]
    more = len(behaviours) - len(named)
    return "; ".join([*named, *([f"{more} more"] if more else [])])
