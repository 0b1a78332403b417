"""
`python -m tests.harness.commands.collected`: docs/reference/collected.json, how much is collected in each environment.

With `--check` it reports instead what has changed: a number, or a behaviour that the suite promises to judge somewhere
and that pytest no longer collects there, which no run would notice.
"""

import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from tests.harness.paths import REFERENCE_DOCS, ROOT
from tests.harness.plugin.kinds import kind_of
from tests.harness.plugin.selected import everything
from tests.harness.plugin.selection import ENVIRONMENTS, REFERENCE
from tests.harness.report.course import Kind
from tests.harness.report.html.rows import parts
from tests.harness.subject.subject import Subject

DATA = REFERENCE_DOCS / "collected.json"

_Key: TypeAlias = tuple[str, str, str]
"""Of a behaviour: file, name with its parameter, environment."""


def collected(environment: str) -> list[str]:
    """Return the id of everything that pytest collects in an environment, for the reference gateway."""
    # in containers, extended behaviours take part only if the expression names them
    options = ["--collect-only", "-q", "-n0", "-m", f"{environment} and (extended or not extended)"]
    done = subprocess.run(  # noqa: S603, our own pytest
        [sys.executable, "-m", "pytest", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"pytest {shlex.join(options)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return [line for line in done.stdout.splitlines() if "::" in line]


def promised(environment: str, *, core: bool = False) -> set[_Key]:
    """Return the behaviours whose marks promise to judge the reference gateway there, all or the core."""
    subject = Subject.from_file(REFERENCE)
    return set(everything(subject, environment, lambda names: not (core and "extended" in names)))


def counts(environment: str, ids: Sequence[str]) -> dict[str, int]:
    """Return how much of what was collected there is of the core, is extended, and is a negative control."""
    kinds = Counter(kind_of(node_id) for node_id in ids)
    core = len(_behaviours(ids) & promised(environment, core=True))
    return {
        "core": core,
        "extended": kinds[Kind.BEHAVIOUR] - core,
        "negative controls": kinds[Kind.CONTROL],
    }


def complaints(environment: str, ids: Sequence[str]) -> Iterator[str]:
    """Yield a line for each behaviour that is promised there and not collected, or the other way round."""
    found, wanted = _behaviours(ids), promised(environment)
    for file, name, _ in sorted(wanted - found):
        yield f"{file}::{name} is not collected on {environment}, although by its marks it is judged there"
    for file, name, _ in sorted(found - wanted):
        yield f"{file}::{name} is collected on {environment}, although by its marks it is not judged there"


def _behaviours(ids: Sequence[str]) -> set[_Key]:
    return {parts(node_id) for node_id in ids if kind_of(node_id) is Kind.BEHAVIOUR}


def stale(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what is wrong with what was collected, by environment, and with the numbers that were kept."""
    kept = json.loads(DATA.read_text(encoding="utf-8"))
    for environment, ids in found.items():
        yield from complaints(environment, ids)
        now, before = counts(environment, ids), kept.get(environment)
        if now != before:
            yield f"{DATA.relative_to(ROOT)}: {environment} has {before}, and {now} are collected: run `make docs`"


def main(arguments: Sequence[str]) -> int:
    """Write the numbers, or with `--check` report what has changed; return the exit status."""
    found = {environment: collected(environment) for environment in ENVIRONMENTS}
    if "--check" in arguments:
        lines = list(stale(found))
    else:
        text = json.dumps({environment: counts(environment, ids) for environment, ids in found.items()}, indent=2)
        DATA.write_text(f"{text}\n", encoding="utf-8")
        lines = [line for environment, ids in found.items() for line in complaints(environment, ids)]
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
