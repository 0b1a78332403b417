"""The two tables of the terminal: what was judged, and which behaviour caught which mutant. 80 columns."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tests.harness.result import Result
from tests.harness.verdict import Verdict

WIDTH = 80

_MARKS = {
    Verdict.CONFORMANT: "holds",
    Verdict.NONCONFORMANT: "FAILS",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE",
    Verdict.KNOWN_FAILURE: "known failure",
    Verdict.MENDED: "MENDED",
}


def verdict_table(results: Sequence[Result], not_judged: Mapping[str, str]) -> str:
    """Return one entry per behaviour: verdict and seconds, what was measured, and why it failed if it did."""
    if len(results) > 1 and all(result.verdict is Verdict.INCONCLUSIVE for result in results):
        return "\n".join(["", *_wrapped(results[0].message), "", f"none of {len(results)} behaviours could be judged"])
    lines: list[str] = []
    file = message = ""
    for result in results:
        if result.file != file:
            file = result.file
            lines += ["", file.removeprefix("test_").removesuffix(".py")]
        mark = f"{_MARKS.get(result.verdict, result.verdict)} {result.seconds:5.1f} s"
        name = words(result.behaviour)
        lines.append(f"  {name:<{WIDTH - 4 - len(mark)}}  {mark}")
        if result.verdict is not Verdict.CONFORMANT:
            lines += _wrapped(f"promise: {result.claim}")
        lines += _wrapped(f"measured: {result.measured}" if result.measured else "")
        if result.verdict is not Verdict.CONFORMANT:
            lines += ["    as above"] if result.message == message else _wrapped(result.message, limit=8)
            message = result.message
    for reason in sorted(set(not_judged.values())):
        behaviours = {words(name.split("::")[-1].split("[")[0]) for name in not_judged if not_judged[name] == reason}
        lines += ["", f"not judged: {reason}", *_wrapped("; ".join(sorted(behaviours)), limit=20)]
    counts = Counter(_MARKS.get(result.verdict, result.verdict) for result in results)
    total = [f"{count} {mark}" for mark, count in counts.items()]
    total += [f"{len(not_judged)} not judged"] if not_judged else []
    lines += ["", f"{len(results)} behaviours: {', '.join(total)}"]
    return "\n".join(lines)


def mutant_table(controls: Sequence[Result]) -> str:
    """Return one entry per mutant: the behaviours that caught it, and those that should have and did not."""
    by_mutant: dict[str, list[Result]] = defaultdict(list)
    for control in controls:
        by_mutant[str(control.mutant)].append(control)
    lines = []
    for mutant, rows in sorted(by_mutant.items()):
        caught = [row for row in rows if row.verdict is Verdict.CAUGHT]
        lines.append(f"{mutant}: caught by {len(caught)} of {len(rows)}")
        for row in rows:
            mark = "" if row.verdict is Verdict.CAUGHT else f"{row.verdict.upper()} "
            lines.append(f"  {mark}{words(row.behaviour)}")
    missed = [row for row in controls if row.verdict is not Verdict.CAUGHT]
    lines.append(f"{len(by_mutant)} mutants, {len(controls)} negative controls, {len(missed)} not caught")
    return "\n".join(lines)


def words(behaviour: str) -> str:
    """Return a behaviour's name as words."""
    return behaviour.removeprefix("test_").replace("_", " ") if "[" not in behaviour else _with_parameter(behaviour)


def _with_parameter(behaviour: str) -> str:
    name, _, parameter = behaviour.partition("[")
    return f"{words(name)}: {parameter.rstrip(']')}"


def _wrapped(text: str, limit: int = 4) -> list[str]:
    lines = [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(paragraph, WIDTH - 6, initial_indent="    ", subsequent_indent="    ")
    ]
    return lines if len(lines) <= limit else [*lines[:limit], "    …"]
