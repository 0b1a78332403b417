"""`--compare`: what differs between this run and an older report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.report.message import reason
from tests.harness.report.older import today
from tests.harness.report.result import Result
from tests.harness.report.table import NARROWEST, wrapped
from tests.harness.report.wording import cut, words
from tests.harness.world.verdict import Verdict

OLD = pytest.StashKey[SavedRun | None]()
"""The older run, read before this one's report takes its place."""

_Key: TypeAlias = "tuple[str, str, str, str]"

_COMPARED = ("id", "file", "behaviour", "environment", "mutant", "verdict", "measured")
"""The members of a result that are looked at."""

_EXPLAINED = {
    Verdict.NONCONFORMANT,
    Verdict.INCONCLUSIVE,
    Verdict.UNEXPECTEDLY_PASSING,
    Verdict.SURVIVED,
    Verdict.CRASHED,
    Verdict.WRONG_REASON,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("conformance", "what is judged")
    text = "print what differs from an older report: its folder or its report.json"
    group.addoption("--compare", metavar="OLD", help=text)


def read_older(config: pytest.Config) -> None:
    """
    Read the older report, which may lie where this run's is going to.

    Raises UsageError if there is none, or one that cannot be compared: that is not left for the end of the run.
    """
    path = config.getoption("--compare")
    try:
        config.stash[OLD] = _whole(SavedRun.at(config.invocation_params.dir / path)) if path else None
    except SavedRunError as error:
        raise pytest.UsageError(f"--compare: {error}") from None


def _whole(old: SavedRun) -> SavedRun:
    """Return a report that has all that is compared. Raises SavedRunError."""
    try:
        lacking = [name for row in old.rows.values() for name in _COMPARED if name not in row]
        lacking += [] if comparison(old, (), {}, whole=True, width=NARROWEST) and str(old) else ["behaviours"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        lacking = [repr(error)]
    if lacking:
        raise SavedRunError(f"{old.folder}: its report cannot be compared: {lacking[0]} is missing or wrong")
    return old


def comparison(
    old: SavedRun, results: Sequence[Result], not_judged: Mapping[str, str], *, whole: bool, width: int
) -> str:
    """
    Return what differs: behaviours that are new, removed or have another verdict, then other measures side by side.

    Where this run was not the `whole` of what it could have been, nothing counts as removed; nor does what belongs to
    an environment that it left out.
    """
    before = {_key(row): row for row in (today(row) for row in old.rows.values())}
    now = {_key(vars(result)): vars(result) for result in results}
    both = [key for key in now if key in before]
    changed = [key for key in both if now[key]["verdict"] != before[key]["verdict"]]
    measured = [key for key in both if key not in changed and now[key]["measured"] != before[key]["measured"]]
    met = {(key[2], bool(key[3])) for key in now}
    new = [key for key in now if key not in before]
    removed = [key for key in before if key not in now and whole and (key[2], bool(key[3])) in met]
    say = _Differences(width)
    lines = [
        *_listed("verdict changed", (line for key in changed for line in say.verdicts(key, before[key], now[key]))),
        *_listed("new", (say.line(f"{now[key]['verdict']}: {_name(key)}") for key in new)),
        *_listed("removed", (line for key in removed for line in say.removed(key, before[key], not_judged))),
        *_listed(
            "measured differently", (line for key in measured for line in say.measures(key, before[key], now[key]))
        ),
    ]
    counts = {"changed": changed, "new": new, "removed": removed, "measured differently": measured}
    total = ", ".join(f"{len(keys)} {name}" for name, keys in counts.items() if keys) or "nothing differs"
    return "\n".join([*lines, "", f"verdicts in both runs: {len(both)}; {total}"])


def _key(row: Mapping[str, Any]) -> _Key:
    return row["file"], row["behaviour"], row["environment"], row["mutant"] or ""


def _name(key: _Key) -> str:
    _, behaviour, environment, mutant = key
    return f"{words(behaviour)} ({environment}{', ' if mutant else ''}{mutant})"


def _listed(title: str, lines: Iterator[str]) -> list[str]:
    found = list(lines)
    return ["", title, *found] if found else []


@dataclass(frozen=True)
class _Differences:
    """Prints one difference each, in lines of at most this width."""

    width: int

    def line(self, text: str) -> str:
        return f"  {cut(text, self.width - 2)}"

    def verdicts(self, key: _Key, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        yield self.line(_name(key))
        yield f"    {before['verdict']} -> {now['verdict']}"
        if now["verdict"] in _EXPLAINED:
            yield from wrapped(reason(now), self.width)
        yield from self._pair(before, now)

    def removed(self, key: _Key, before: Mapping[str, Any], not_judged: Mapping[str, str]) -> Iterator[str]:
        yield self.line(f"was {before['verdict']}: {_name(key)}")
        if before["id"] in not_judged:
            yield from wrapped(f"not judged now: {not_judged[before['id']]}", self.width)

    def measures(self, key: _Key, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        yield self.line(_name(key))
        yield from self._pair(before, now)

    def _pair(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        for when, row in (("was", before), ("now", now)):
            yield from wrapped(f"{when}: {row['measured'] or 'nothing measured'}", self.width)
