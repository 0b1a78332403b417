"""
The tables at the end of a run: what was judged, and which behaviour caught which mutant.

They are as wide as the terminal, within limits. Behaviours that differ in a parameter alone, such as a code, are one
row, which opens only where their verdicts differ.
"""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.harness.causes.one_config import written
from tests.harness.report.message import abridged, expectation, stated
from tests.harness.report.result import Result
from tests.harness.report.wording import MARKS, WORST_FIRST, case, cases, counted, cut, family, many, theme, words
from tests.harness.world.verdict import Verdict

NARROWEST, WIDEST = 60, 120
"""Columns: lines that are longer are hard to read, shorter ones hold no name."""

BESIDE = 100
"""Columns from which on a measurement has room next to the name."""


def fitting(columns: int) -> int:
    """Return how wide the tables are on a terminal of so many columns."""
    return min(max(columns, NARROWEST), WIDEST)


def verdict_table(results: Sequence[Result], not_judged: Mapping[str, str], width: int) -> str:
    """
    Return one entry per behaviour: verdict and seconds, what was measured, and why it failed if it did.

    Where nothing could be judged the reasons stand alone, each once.
    """
    if len(results) > 1 and all(result.verdict is Verdict.INCONCLUSIVE for result in results):
        reasons = dict.fromkeys(result.message for result in results)
        lines = ["", *(line for reason in reasons for line in _complaint(reason, width, 8))]
        total = f"none of {many(len(results), 'behaviour')} could be judged"
    else:
        lines = list(_Entries(results, width).lines())
        total = ": ".join(filter(None, [many(len(results), "behaviour"), counted([run.verdict for run in results])]))
        vacuous = sum(bool(run.untested) for run in results)
        total += f", {vacuous} of them untested" if vacuous else ""
    for reason in sorted(set(not_judged.values())):
        behaviours = {words(name.split("::")[-1].split("[")[0]) for name in not_judged if not_judged[name] == reason}
        lines += ["", *wrapped(f"not judged: {reason}", width, indent=0)]
        lines += wrapped("; ".join(sorted(behaviours)), width, 20)
    return "\n".join([*lines, "", total + (f", {len(not_judged)} not judged" if not_judged else "")])


class _Entries:
    """The entries of the table; what was printed for the last behaviour that failed is not repeated for the next."""

    def __init__(self, results: Sequence[Result], width: int) -> None:
        self._results = sorted(results, key=lambda result: result.file)
        self._width = width
        self._environments = {result.environment for result in results}
        self._several = len(self._environments) > 1
        longest = max((len(words(family(result.behaviour))) for result in results), default=0)
        self._name = min(longest + len(": 16 of 16 codes"), width // 2 + 4)
        self._message = self._cause = ""

    def lines(self) -> Iterator[str]:
        """Yield all lines, file by file."""
        heading = ""
        for (file, _), runs in _families(self._results).items():
            if (present := theme(file)) != heading:
                heading = present
                yield from ("", heading)
            yield from self._family(runs)

    def _family(self, runs: Sequence[Result]) -> Iterator[str]:
        where = dict.fromkeys(run.environment for run in runs)
        if self._several and all(run.verdict is Verdict.CONFORMANT for run in runs):
            everywhere = "all" if len(where) == len(self._environments) else "/".join(where)
            yield self._line(_name(runs), f"holds on {everywhere}")
            yield from (line for why in _untested(runs) for line in wrapped(f"untested: {why}", self._width))
            return
        yield from [f"  {cut(_name(runs), self._width - 2)}"] if self._several else []
        for environment in where:
            here = [run for run in runs if run.environment == environment]
            yield from self._here(here, f"on {environment}" if self._several else _name(here))

    def _here(self, runs: Sequence[Result], name: str) -> Iterator[str]:
        """Yield what there is to say of the cases of a behaviour in one environment: usually there is one."""
        worst = min((run.verdict for run in runs), key=_severity)
        mark = f"{MARKS.get(worst, worst)} {sum(run.seconds for run in runs):5.1f} s"
        if worst is Verdict.CONFORMANT:
            yield from self._holds(name, mark, _measured(runs))
            yield from (line for why in _untested(runs) for line in wrapped(f"untested: {why}", self._width))
            return
        yield self._line(name, mark)
        alike = _alike(runs)
        for same in alike:
            if len(runs) > len(same) or len(alike) > 1:
                named = ", ".join(case(run.behaviour) for run in same)
                yield from wrapped(f"{MARKS.get(same[0].verdict, same[0].verdict)}: {named}", self._width)
            yield from self._explained(same[0], _measured(same))
            self._message = same[0].message or self._message
            self._cause = same[0].cause or self._cause

    def _holds(self, name: str, mark: str, measured: str) -> Iterator[str]:
        """Yield a behaviour that holds with what was measured, which stands in its line where there is room."""
        room = self._width - 2 - self._name - 2 - 2 - len(mark)
        beside = self._width >= BESIDE and len(name) <= self._name and 0 < len(measured) <= room
        yield self._line(f"{name:<{self._name}}  {measured}" if beside else name, mark)
        yield from wrapped(f"measured: {measured}", self._width) if measured and not beside else []

    def _line(self, text: str, mark: str) -> str:
        room = self._width - 4 - len(mark)
        return f"  {cut(text, room):<{room}}  {mark}"

    def _explained(self, result: Result, measured: str) -> Iterator[str]:
        """Yield what was promised of a behaviour that does not simply hold, what was measured, and why."""
        yield from wrapped(_known(result), self._width, 8) if result.expected else []
        yield from wrapped(f"promise: {result.claim}", self._width) if result.claim else []
        yield from wrapped(f"measured: {measured}", self._width) if measured else []
        yield from wrapped(f"bound: {result.bound}", self._width) if result.bound else []
        if result.message:
            limit = 5 if result.suspects else 8
            repeated = result.message == self._message
            yield from ["    as above"] if repeated else _complaint(result.message, self._width, limit)
        if not (measured or result.seen or stated(result.message)) and expectation(result.message):
            yield from wrapped(f"expected: {expectation(result.message)}", self._width)
        if result.cause or result.seen:
            yield from wrapped(f"observed: {result.seen}", self._width)
        if result.cause:
            yield from ["    cause: as above"] if result.cause == self._cause else self._why(result)

    def _why(self, result: Result) -> Iterator[str]:
        yield from wrapped(f"most likely cause: {result.cause}", self._width, 8)
        yield from wrapped(f"({result.sureness})", self._width)
        yield from wrapped(f"change: {result.remedy}", self._width, 12) if result.remedy else []


def _known(result: Result) -> str:
    """Return why it was expected to fail: of a library property in its own words."""
    return f"known: {result.expected}" if result.verdict is Verdict.KNOWN_FAILURE else result.expected


def _families(results: Sequence[Result]) -> dict[tuple[str, str], list[Result]]:
    """Return the runs of each behaviour, with all its cases and environments, in the order in which they stand."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found.setdefault((result.file, family(result.behaviour)), []).append(result)
    return found


def _severity(verdict: Verdict) -> int:
    return WORST_FIRST.index(verdict) if verdict in WORST_FIRST else -1


def _name(runs: Sequence[Result]) -> str:
    """Return a behaviour in words; of one with several cases, how many of them hold."""
    named = dict.fromkeys(case(run.behaviour) for run in runs)
    if len(named) == 1:
        return words(runs[0].behaviour)
    missed = {case(run.behaviour) for run in runs if not run.verdict.holds}
    return f"{words(family(runs[0].behaviour))}: {cases(len(named) - len(missed), named)}"


def _alike(runs: Sequence[Result]) -> list[list[Result]]:
    """Return the cases that do not hold, those together that have the verdict and the cause in common; worst first."""
    found: dict[tuple[Verdict, Sequence[str]], list[Result]] = {}
    for run in sorted(runs, key=lambda run: _severity(run.verdict)):
        if run.verdict is not Verdict.CONFORMANT:
            found.setdefault((run.verdict, tuple(run.suspects)), []).append(run)
    return list(found.values())


def _untested(runs: Sequence[Result]) -> Sequence[str]:
    """Return why what holds shows nothing, each reason once, with how many cases of several it is about."""
    reasons = [run.untested for run in runs if run.untested]
    about = "" if len(reasons) == len(runs) else f" ({len(reasons)} of {len(runs)})"
    return [f"{reason}{about}" for reason in dict.fromkeys(reasons)]


def _measured(runs: Sequence[Result]) -> str:
    """Return what was measured; where cases differ, of the first, and of which one that is."""
    first = runs[0]
    if not first.measured or all(run.measured == first.measured for run in runs):
        return first.measured
    return f"{first.measured} for {case(first.behaviour)}"


def _complaint(message: str, width: int, limit: int) -> list[str]:
    """Return a message in its own words; of what is too long the end is kept, where a traceback tells."""
    return abridged([line for part in stated(message) for line in _indented(part, width)], limit, indent=4)


def diagnosis_table(diagnosis: Sequence[Mapping[str, Any]], width: int) -> str:
    """Return the diagnosis of a run, by its members in report.json: a paragraph for each environment."""
    lines = []
    for found in diagnosis:
        where = f"on {found['environment']}: " if len(diagnosis) > 1 else ""
        lines += ["", *wrapped(f"{where}{found['sentence']}", width, 12, indent=0)]
        lines += wrapped(f"change: {found['remedy']}", width, 12) if found["remedy"] else []
        for remark in found["remarks"]:
            lines += wrapped(remark, width, 8)
    return "\n".join(lines)


def config_table(found: Mapping[str, Any] | None, width: int) -> str:
    """Return the service config of a run, whole in one line so that it can be copied, and how it is set."""
    if found is None:
        return ""
    fixes = ", ".join(name.replace("_", " ") for name in found["fixes"])
    rows = ["", *wrapped(f"one service config with what is promised, which fixes {fixes}:", width, indent=0)]
    rows += [written(found["config"]), *wrapped(f"set it: {found['how']}", width, 24)]
    return "\n".join([*rows, *wrapped(f"add to it: {'; '.join(found['keep'])}", width)])


def mutant_table(controls: Sequence[Result], width: int) -> str:
    """Return one entry per mutant: the behaviours that caught it, and those that should have and did not."""
    by_mutant: dict[str, list[Result]] = defaultdict(list)
    for control in controls:
        by_mutant[str(control.mutant)].append(control)
    lines = []
    for mutant, rows in sorted(by_mutant.items()):
        caught = [row for row in rows if row.verdict is Verdict.CAUGHT]
        lines.append(f"{mutant}: caught by {len(caught)} of {len(rows)}")
        named = dict.fromkeys(" or ".join(row.suspects) for row in rows if row.suspects)
        lines += [cut(f"  cause named: {causes}", width) for causes in named]
        lines += [cut(f"  {line}", width) for line in _catches(rows)]
    missed = [row for row in controls if row.verdict is not Verdict.CAUGHT]
    counts = f"{many(len(by_mutant), 'mutant')}, {many(len(controls), 'negative control')}"
    lines.append(f"{counts}, {len(missed)} not caught")
    return "\n".join(lines)


def _catches(rows: Sequence[Result]) -> Iterator[str]:
    """Yield the behaviours that met a mutant; the cases of one that all caught it are one line."""
    for runs in _families(rows).values():
        caught = [run for run in runs if run.verdict is Verdict.CAUGHT]
        named = dict.fromkeys(case(run.behaviour) for run in runs)
        if len(caught) == len(runs) and len(named) > 1:
            yield f"{words(family(runs[0].behaviour))}: {cases(len(named), named)}"
            continue
        for run in runs:
            mark = "" if run.verdict is Verdict.CAUGHT else f"{run.verdict.upper()} "
            yield f"{mark}{words(run.behaviour)}"


def wrapped(text: str, width: int, limit: int = 4, indent: int = 4) -> list[str]:
    """Return a text as lines of a table, indented, at most `limit` of them."""
    lines = [line for paragraph in text.splitlines() for line in _indented(paragraph, width, indent)]
    return lines if len(lines) <= limit else [*lines[:limit], "    …"]


def _indented(paragraph: str, width: int, indent: int = 4) -> list[str]:
    inner = " " * indent
    return textwrap.wrap(paragraph, width - 2, initial_indent=inner, subsequent_indent=inner, break_on_hyphens=False)
