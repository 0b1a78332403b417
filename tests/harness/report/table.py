"""The two tables of the terminal: what was judged, and which behaviour caught which mutant. 80 columns."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.harness.causes.summary import CommonCause
from tests.harness.report.result import Result
from tests.harness.report.words import words
from tests.harness.world.verdict import Verdict

WIDTH = 80

MARKS = {
    Verdict.CONFORMANT: "holds",
    Verdict.NONCONFORMANT: "FAILS",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE",
    Verdict.KNOWN_FAILURE: "known failure",
    Verdict.MENDED: "MENDED",
}


def verdict_table(results: Sequence[Result], not_judged: Mapping[str, str]) -> str:
    """
    Return one entry per behaviour: verdict and seconds, what was measured, and why it failed if it did.

    Where nothing could be judged the reasons stand alone, each once.
    """
    if len(results) > 1 and all(result.verdict is Verdict.INCONCLUSIVE for result in results):
        reasons = dict.fromkeys(result.message for result in results)
        lines = ["", *(line for reason in reasons for line in wrapped(reason))]
        total = f"none of {len(results)} behaviours could be judged"
    else:
        lines = list(_entries(results))
        counts = Counter(MARKS.get(result.verdict, result.verdict) for result in results)
        total = ", ".join(f"{count} {mark}" for mark, count in counts.items())
        total = f"{len(results)} behaviours: {total}"
    for reason in sorted(set(not_judged.values())):
        behaviours = {words(name.split("::")[-1].split("[")[0]) for name in not_judged if not_judged[name] == reason}
        lines += ["", f"not judged: {reason}", *wrapped("; ".join(sorted(behaviours)), limit=20)]
    return "\n".join([*lines, "", total + (f", {len(not_judged)} not judged" if not_judged else "")])


def _entries(results: Sequence[Result]) -> Iterator[str]:
    heading = message = cause = ""
    environments = {result.environment for result in results}
    several = len(environments) > 1
    for (file, behaviour), runs in _by_behaviour(results).items():
        if (present := file.removeprefix("test_").removesuffix(".py")) != heading:
            heading = present
            yield from ("", heading)
        if several and all(run.verdict is Verdict.CONFORMANT for run in runs):
            where = "all" if len(runs) == len(environments) else "/".join(run.environment for run in runs)
            yield _line(words(behaviour), f"holds on {where}")
            continue
        yield from [f"  {_cut(words(behaviour), WIDTH - 2).rstrip()}"] if several else []
        for run in runs:
            mark = f"{MARKS.get(run.verdict, run.verdict)} {run.seconds:5.1f} s"
            yield _line(f"on {run.environment}" if several else words(behaviour), mark)
            yield from _explained(run, message, cause)
            message = run.message if run.verdict is not Verdict.CONFORMANT and run.message else message
            cause = run.cause or cause


def _by_behaviour(results: Sequence[Result]) -> dict[tuple[str, str], list[Result]]:
    """Return the runs of each behaviour, one for each environment, file by file."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in sorted(results, key=lambda result: result.file):
        found.setdefault((result.file, result.behaviour), []).append(result)
    return found


def _line(text: str, mark: str) -> str:
    return f"  {_cut(text, WIDTH - 4 - len(mark))}  {mark}"


def _explained(result: Result, message: str, cause: str) -> Iterator[str]:
    """Yield what was measured; where a behaviour does not simply hold, what was promised and why it does not too."""
    holds = result.verdict is Verdict.CONFORMANT
    yield from [] if holds else wrapped(f"promise: {result.claim}")
    yield from wrapped(f"measured: {result.measured}") if result.measured else []
    yield from wrapped(f"bound: {result.bound}") if result.bound and not holds else []
    if not holds and result.message:
        limit = 3 if result.suspects else 8
        yield from ["    as above"] if result.message == message else wrapped(result.message, limit=limit)
    if result.cause:
        yield from wrapped(f"seen: {result.seen}")
        yield from ["    cause: as above"] if result.cause == cause else _why(result)


def _why(result: Result) -> Iterator[str]:
    yield from wrapped(f"most likely cause: {result.cause}", limit=8)
    yield from wrapped(f"({result.sureness})")
    yield from wrapped(f"set: {result.remedy}", limit=12) if result.remedy else []


def cause_table(causes: Sequence[CommonCause]) -> str:
    """Return one entry per cause of the run: how many behaviours point to it, what it is, and what mends it."""
    total = sum(cause.count for cause in causes)
    known = sum(bool(cause.suspects) for cause in causes)
    what = {0: "no cause known", 1: "1 cause"}.get(known, f"{known} causes")
    rows = ["", f"{what} for {total} behaviour{'' if total == 1 else 's'} that did not hold:"]
    several = len({cause.environment for cause in causes}) > 1
    for cause in causes:
        where = f" on {cause.environment}" if several else ""
        rows += wrapped(f"{cause.count}{where}: {cause.cause}", limit=8)
    return "\n".join(rows)


def _cut(text: str, width: int) -> str:
    return f"{text:<{width}}" if len(text) <= width else f"{text[: width - 1]}…"


def mutant_table(controls: Sequence[Result]) -> str:
    """Return one entry per mutant: the behaviours that caught it, and those that should have and did not."""
    by_mutant: dict[str, list[Result]] = defaultdict(list)
    for control in controls:
        by_mutant[str(control.mutant)].append(control)
    lines = []
    for mutant, rows in sorted(by_mutant.items()):
        caught = [row for row in rows if row.verdict is Verdict.CAUGHT]
        lines.append(f"{mutant}: caught by {len(caught)} of {len(rows)}")
        named = dict.fromkeys(" or ".join(row.suspects) for row in rows if row.suspects)
        lines += [f"  cause named: {causes}" for causes in named]
        for row in rows:
            mark = "" if row.verdict is Verdict.CAUGHT else f"{row.verdict.upper()} "
            lines.append(f"  {mark}{words(row.behaviour)}")
    missed = [row for row in controls if row.verdict is not Verdict.CAUGHT]
    lines.append(f"{len(by_mutant)} mutants, {len(controls)} negative controls, {len(missed)} not caught")
    return "\n".join(lines)


def wrapped(text: str, limit: int = 4) -> list[str]:
    """Return a text as lines of the table, indented, at most `limit` of them."""
    lines = [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(paragraph, WIDTH - 6, initial_indent="    ", subsequent_indent="    ")
    ]
    return lines if len(lines) <= limit else [*lines[:limit], "    …"]
