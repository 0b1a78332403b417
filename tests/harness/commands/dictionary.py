"""
`make dictionary`: measure what every behaviour of the core makes of every mutant, into diagnosis/dictionary.json.

Each row is an ordinary run of the core with a mutant, or a right but unusual gateway, in the place of the subject. It
can be stopped at any time, and continues there. Run again are the row of a mutant and the column of a behaviour whose
definition has changed, and what came out differently in two runs. `--list` shows how old each row is.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.harness.causes.explain import how_sure
from tests.harness.commands.definitions import (
    behaviours_now,
    catches_now,
    caught_by_core,
    core_of,
    is_measured,
    mutants_in,
    rows_now,
)
from tests.harness.diagnosis.dictionary import (
    FAILS,
    FILE,
    HOLDS,
    KNOWN,
    REFERENCE,
    SKIPPED,
    UNCLEAR,
    Dictionary,
    Row,
    Trial,
    behaviour_of,
    letter_of,
    read,
    write,
)
from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.paths import ROOT
from tests.harness.plugin.selection import ENVIRONMENTS
from tests.harness.report.diagnosed import column
from tests.harness.report.wording import many
from tests.harness.subject.mutant import Mutant
from tests.harness.subject.not_judged import word_for
from tests.harness.themes import behaviour_files

CORE = "{} and not extended and not negative_control and not positive_control"

VARIED = 3
"""Trials of a cell that did not come out the same in all trials so far."""

PATIENCE = 600.0
"""Seconds after which a run is interrupted; what it has judged by then counts."""


@dataclass(frozen=True)
class Wanted:
    """A row that is to be run, for these of its columns: `whole` if the whole core is to run for them."""

    name: str
    columns: Sequence[str]
    whole: bool

    @property
    def arguments(self) -> list[str]:
        """What pytest is given to run it."""
        paths = {file.name: file for file in behaviour_files()}
        chosen = [] if self.whole else list(dict.fromkeys(map(behaviour_of, self.columns)))
        ids = [f"{paths[file]}::{name}" for file, name in (behaviour.split("::") for behaviour in chosen)]
        return [*([] if self.name == REFERENCE else [f"--stand-in={self.name}"]), *ids]


def present(kept: Dictionary, environment: str) -> Dictionary:
    """Return a dictionary with what has changed since aged, and what no longer exists left out."""
    behaviours, rows = behaviours_now(), rows_now(environment)
    changed = {name for name, digest in behaviours.items() if kept.digests.get(name, digest) != digest}
    found = {}
    for name, row in kept.rows.items():
        if name not in rows:
            continue
        same = row.digest == rows[name]
        strangers = [column for column in row.columns if behaviour_of(column) not in behaviours]
        trials = [trial.without(strangers).aged(changed if same else None) for trial in row.trials]
        found[name] = Row(rows[name], tuple(trials))
    measured = {behaviour_of(column) for row in found.values() for column in row.columns}
    digests = {name: digest for name, digest in behaviours.items() if name in measured}
    return Dictionary(digests, found, catches_now(environment))


def wanted(dictionary: Dictionary, environment: str, repeat: int, names: Sequence[str]) -> Iterator[Wanted]:
    """Yield what is to be run of these rows: cells without a trial or aged first, then repetitions."""
    seen: set[str] = set()
    for least in range(1, max(repeat, VARIED) + 1):
        for name in (name for name in names if name not in seen):
            row, core = dictionary.rows.get(name, Row("")), core_of(name, environment)
            missing = [column for column in core if len(row.fresh(column)) < min(least, _trials(row, column, repeat))]
            if missing:
                seen.add(name)
                yield Wanted(name, missing, whole=2 * len(missing) > len(core))


def _trials(row: Row, column: str, repeat: int) -> int:
    """Return how many trials a cell needs: more than requested if it did not come out the same in all of them."""
    return max(repeat, VARIED) if len(set(row.fresh(column))) > 1 else repeat


def ordered(environment: str) -> list[str]:
    """
    Return all rows in the order in which they are measured.

    After the reference gateway the mutants that the core is declared to catch, those with a sibling first, then the
    other mutants in the same order, and what is right.
    """
    causes = Counter(mutant.cause for mutant in mutants_in(environment))
    caught = caught_by_core(environment)

    def _rank(mutant: Mutant) -> tuple[bool, bool]:
        return mutant.name not in caught, causes[mutant.cause] < 2

    wrong = [mutant.name for mutant in sorted(filter(is_measured, mutants_in(environment)), key=_rank)]
    return [REFERENCE, *wrong, *(name for name in rows_now(environment) if name not in {REFERENCE, *wrong})]


def add(dictionary: Dictionary, name: str, digest: str, trial: Trial) -> Dictionary:
    """Return a dictionary with one more trial of a row, which takes the place of cells that are aged."""
    row = dictionary.rows.get(name, Row(digest))
    kept = [
        older.without(
            [column for column, letter in older.letters.items() if letter.islower() and column in trial.letters]
        )
        for older in row.trials
    ]
    trials = (*(older for older in kept if older.letters), trial)
    return replace(dictionary, rows={**dictionary.rows, name: Row(digest, trials)})


def measured(wants: Wanted, environment: str, folder: Path) -> Trial:
    """Run a row, its report in this folder, and return what came of it. Raises SavedRunError where nothing did."""
    command = [sys.executable, "-m", "pytest", "-q", f"--report={folder}", "-m", CORE.format(environment)]
    began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M")
    with subprocess.Popen(  # noqa: S603, our own pytest
        [*command, *wants.arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches this process alone, which passes it on
    ) as process:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.terminate()
        except BaseException:
            process.terminate()
            raise
    return trial_of(SavedRun.at(folder), began)


def trial_of(run: SavedRun, began: str) -> Trial:
    """Return a run as a trial."""
    rows = {f"{row['file']}::{row['behaviour']}": row for row in run.document["behaviours"]}
    skipped = [column(name) for name, why in run.document["not_judged"].items() if not word_for(why)]
    letters = {column: letter_of(row["verdict"]) for column, row in rows.items()} | dict.fromkeys(skipped, SKIPPED)
    failed = [column for column, letter in letters.items() if letter == FAILS]
    return Trial(began, letters, {column: _named(rows[column]) for column in failed})


def _named(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return how sure the rules of a failure are, and the causes that they name."""
    sureness = how_sure(str(row.get("sureness", ""))) or "undecided"
    return (sureness, *map(str, row.get("suspects", ())))


def fill(file: Path, environment: str, given: argparse.Namespace) -> None:
    """Measure what is wanted, one row after the other, and write each result before the next begins."""
    until, lost = time.monotonic() + 60 * given.minutes, set[str]()
    while time.monotonic() < until:
        every = dict(read(file))
        dictionary = present(every.get(environment, Dictionary()), environment)
        names = [name for name in given.rows or ordered(environment) if name not in lost]
        wants = next(wanted(dictionary, environment, given.repeat, names), None)
        if wants is None:
            return
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="dictionary-") as temporary:
            folder = (given.keep or Path(temporary)) / wants.name
            try:
                trial = measured(wants, environment, folder)
            except SavedRunError as error:
                lost.add(wants.name)  # until the next time: the others are not held up
                sys.stderr.write(f"{wants.name}: {error}\n")
                continue
        if not set(wants.columns) & set(trial.letters):
            lost.add(wants.name)
        dictionary = add(dictionary, wants.name, rows_now(environment)[wants.name], trial)
        write(file, {**every, environment: present(dictionary, environment)})
        sys.stdout.write(f"{wants.name}: {_in_words(trial)}; {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()


def _in_words(trial: Trial) -> str:
    counts = Counter(trial.letters.values())
    words = {FAILS: "fail", HOLDS: "hold", UNCLEAR: "inconclusive", SKIPPED: "skipped", KNOWN: "known to fail"}
    named = Counter(" or ".join(causes) or "not known" for _, *causes in trial.named.values())
    causes = ", ".join(f"{cause} {count}" for cause, count in named.most_common())
    return ", ".join(f"{counts[letter]} {word}" for letter, word in words.items() if counts[letter]) + (
        f"; named: {causes}" if causes else ""
    )


def ages(dictionary: Dictionary, environment: str) -> Iterator[str]:
    """Yield a line for each row, how often and since when it was measured, and one about all of them."""
    names, missing, aged = ordered(environment), 0, 0
    for name in names:
        row, core = dictionary.rows.get(name, Row("")), core_of(name, environment)
        lacking = sum(not row.counted(column) for column in core)
        old = sum(bool(row.counted(column)) and not row.fresh(column) for column in core)
        missing, aged = missing + lacking, aged + old
        began = [trial.began for trial in row.trials]
        since = f"measured {min(began)} to {max(began)} in {many(len(began), 'trial')}" if began else "never measured"
        yield f"{name}: {since}, {lacking} of {len(core)} cells missing, {old} aged"
    have = sum(name in dictionary.rows for name in names)
    yield f"{environment}: {have} of {many(len(names), 'row')}, {missing} cells missing, {aged} aged"


def stale(file: Path) -> list[str]:
    """Return complaints about a dictionary that names what does not exist, or lacks what is declared now."""
    return [
        f"{file.relative_to(ROOT)} is stale on {environment}: run `make docs`"
        for environment, dictionary in read(file).items()
        if dictionary != present(dictionary, environment)
    ]


def main(arguments: Sequence[str]) -> int:
    """Fill, list, check or refresh the dictionary; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.commands.dictionary", description=__doc__)
    parser.add_argument("--environment", default="loopback", choices=ENVIRONMENTS)
    parser.add_argument("--rows", nargs="*", default=[], metavar="NAME", help="these alone, in this order")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="trials of each cell (default 1)")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="N", help="begin no row after that time")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the report of each run there")
    parser.add_argument("--list", action="store_true", help="show how old each row is, and run nothing")
    parser.add_argument("--refresh", action="store_true", help="mark what has changed, and run nothing")
    parser.add_argument("--check", action="store_true", help="report whether anything has changed, and run nothing")
    given = parser.parse_args(arguments)
    environment = given.environment
    if unknown := set(given.rows) - set(rows_now(environment)):
        parser.error(f"not a row: {', '.join(sorted(unknown))}")
    if given.check:
        lines = stale(FILE)
        sys.stderr.writelines(f"{line}\n" for line in lines)
        return 1 if lines else 0
    if given.list:
        kept = read(FILE).get(environment, Dictionary())
        sys.stdout.writelines(f"{line}\n" for line in ages(present(kept, environment), environment))
        return 0
    if given.refresh:
        every = {environment: Dictionary(), **read(FILE)}
        write(FILE, {name: present(kept, name) for name, kept in every.items()})
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        fill(FILE, environment, given)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
