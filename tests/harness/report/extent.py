"""
How much of what applies to the subject a run judged, what it left out and why, and whether it came to its end.

The verdict of a run depends on that as much as on its behaviours: a run that was broken off, or of which nothing holds,
is not conformant. All of it is in members of report.json, and all words about it are made from these, so that terminal,
page, badge and Action agree. It needs Python's standard library alone, for the Action's script.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.report.result import overall
from tests.harness.report.wording import many
from tests.harness.subject.not_judged import REMOVED, word_for
from tests.harness.world.verdict import Verdict

SKIPPED = "skipped at run time"
"""The word for a behaviour that was begun, and found that it cannot judge this gateway."""

_OTHER = "cannot be started"
"""The word for what has none: the subject has no way to be started in that environment."""

_ORDER = ("not promised", "unsupported", "black box", "not hosted", _OTHER, SKIPPED)


@dataclass(frozen=True)
class Extent:
    """
    What a run was to judge and how far it came, in behaviours of the subject.

    `applicable` are all that apply in the environments of the run, `selected` those of them that the options left,
    `ended` those with a result, a skip at run time included. `selection` are the options that chose. `stopped` is why
    the run ended early, as far as that is known; `skipped` are the ids of what was skipped at run time.
    """

    applicable: int
    selected: int
    ended: int
    selection: Sequence[str] = ()
    stopped: str = ""
    skipped: Collection[str] = ()

    @classmethod
    def whole(cls, number: int) -> "Extent":
        """Return that of a run that judged all of this many behaviours."""
        return cls(number, number, number)

    @property
    def broken_off(self) -> str:
        """Why not every selected behaviour has a result, or why that is not the run's own end; "" if all is well."""
        missing = self.selected - self.ended
        return self.stopped or (f"{missing} without a result" if missing > 0 else "")


def members(verdicts: Sequence[Verdict], not_judged: Mapping[str, str], extent: Extent) -> dict[str, Any]:
    """Return the members of report.json about the run as a whole, in its order."""
    left_out = _left_out(not_judged, extent.skipped)
    decided = [verdict for verdict in verdicts if verdict is not Verdict.INCONCLUSIVE]
    return {
        "verdict": overall(verdicts, extent.broken_off),
        "reason": _reason(verdicts, left_out, extent),
        "broken_off": extent.broken_off,
        "counts": {
            "applicable": extent.applicable,
            "selected": extent.selected,
            "judged": len(decided),
            "holds": sum(verdict.holds for verdict in decided),
            "left_out": left_out,
        },
        "selection": list(extent.selection),
    }


def _left_out(not_judged: Mapping[str, str], skipped: Collection[str]) -> dict[str, int]:
    """Return how many behaviours were left out, by the word for the reason."""
    words = [SKIPPED if name in skipped else _word(reason) for name, reason in not_judged.items()]
    counted = Counter(words)
    return {word: counted[word] for word in dict.fromkeys((*_ORDER, *words)) if counted[word]}


def _word(reason: str) -> str:
    return "removed" if reason == REMOVED else word_for(reason) or _OTHER


def _reason(verdicts: Sequence[Verdict], left_out: Mapping[str, int], extent: Extent) -> str:
    """Return why the run is inconclusive, or was broken off; "" if there is nothing to say."""
    if extent.broken_off:
        return f"broken off after {extent.ended} of {extent.selected}: {extent.broken_off}"
    if any(verdict.fails_the_run for verdict in verdicts):
        return ""
    if not verdicts:
        return f"nothing was judged, {_said(left_out)}" if left_out else "no behaviour of the subject was run"
    if unclear := list(verdicts).count(Verdict.INCONCLUSIVE):
        return f"{unclear} of {len(verdicts)} could not be judged"
    if any(verdict.holds for verdict in verdicts):
        return ""
    properties = " or library properties" if Verdict.LIBRARY_PROPERTY in verdicts else ""
    return f"no behaviour holds, all that were judged are known failures{properties}"


def _said(left_out: Mapping[str, int]) -> str:
    """Return what was left out, in words: "12 left out: 10 black box, 2 unsupported"."""
    return f"{sum(left_out.values())} left out: {', '.join(f'{number} {word}' for word, number in left_out.items())}"


def missing(report: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many behaviours a report lacks of those that apply, and of those that were selected."""
    counts = report.get("counts")
    if not counts:  # an older report does not say
        return 0, 0
    ended = len(report["behaviours"]) + counts["left_out"].get(SKIPPED, 0)
    return counts["applicable"] - ended, counts["selected"] - ended


def headline(report: Mapping[str, Any], room: int | None = None) -> str:
    """
    Return the verdict with how much it is about: "conformant (judged 3 of 62, selected by -k retry)".

    In a place with less room it gets shorter, and never reads like that of a whole run.
    """
    return next(words for words in _headlines(report) if room is None or len(words) <= room or words.isalpha())


def _headlines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield them, the longest first."""
    verdict, counts = str(report["verdict"]), report.get("counts")
    if counts:
        judged = f"judged {counts['judged']} of {counts['applicable']}"
        part = ["selected"] if report["selection"] else []
        yield f"{verdict} ({', '.join([report['reason'] or judged, *_chosen(report)])})"
        yield f"{verdict} ({', '.join([report['reason'].partition(':')[0] or judged, *part])})"
        yield f"{verdict} ({', '.join([judged, *part])})"
    yield verdict


def coverage(report: Mapping[str, Any]) -> str:
    """Return how much was judged: "judged 3 of 62 applicable behaviours, selected by -k retry; 2 left out: …"."""
    counts = report.get("counts")
    if not counts:
        left_out = len(report.get("not_judged", ()))
        return f"{left_out} not judged" if left_out else ""
    judged = f"judged {counts['judged']} of {many(counts['applicable'], 'applicable behaviour')}"
    others = [_said(counts["left_out"])] if counts["left_out"] else []
    return "; ".join([", ".join([judged, *_chosen(report)]), *others])


def _chosen(report: Mapping[str, Any]) -> list[str]:
    return [f"selected by {' '.join(report['selection'])}"] if report["selection"] else []
