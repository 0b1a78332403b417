"""
`make diagnosis`: how often the diagnosis of a whole run is true, over the mutants that have a row in the dictionary.

A mutant's trials are diagnosed as a subject's run would be, by a dictionary without anything about that mutant: only
its siblings, the mutants with the same cause, stand in. One without siblings has its rules alone; the right answers are
then what those name, or "not known". `--pairs` diagnoses the unions of two rows as well: what fails with one of them
fails.
"""

import argparse
import itertools
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.harness.diagnosis.conclusion import Conclusion, concluded
from tests.harness.diagnosis.dictionary import FAILS, HOLDS, Dictionary, Trial, dictionaries
from tests.harness.diagnosis.knowledge import Knowledge
from tests.harness.diagnosis.scoring import Syndrome
from tests.harness.plugin.selection import ENVIRONMENTS
from tests.harness.report.wording import many
from tests.harness.themes import mutants

SEED, PAIRS = 0, 200
"""Which pairs of mutants are drawn, and how many."""

TOP = 3


@dataclass(frozen=True)
class Named:
    """How a diagnosis compares with the truth: the causes that it names, and the hypotheses that it ranks."""

    mutant: str
    true: tuple[str, ...]
    named: tuple[str, ...]
    ranked: tuple[tuple[str, ...], ...]

    @property
    def first(self) -> bool:
        """Whether the first hypothesis is the true one."""
        return self.ranked[:1] == (self.true,)

    @property
    def among(self) -> bool:
        """Whether the true one is among the first."""
        return self.true in self.ranked[:TOP]

    @property
    def wrong(self) -> bool:
        """Whether causes are named, and one of them is not true."""
        return bool(set(self.named) - set(self.true))

    @property
    def words(self) -> str:
        """What it names, and what is true."""
        first = " and ".join(self.ranked[0]) if self.ranked else "none"
        what = f"named {' and '.join(self.named)}" if self.named else f"not known, first {first}"
        return f"{what}; true {' and '.join(self.true)}"


@dataclass(frozen=True)
class Score(Named):
    """One by a dictionary without the mutant's row: whether a sibling stands in, and what single rules name most."""

    sibling: bool
    by_rules: str


def scores(dictionary: Dictionary, cause: dict[str, str]) -> Iterator[Score]:
    """Yield how each trial with a failure is diagnosed without its row."""
    for name, row in dictionary.rows.items():
        if name not in cause:
            continue
        known = Knowledge(dictionary.without(name), cause)
        sibling = any(other != name and cause.get(other) == cause[name] for other in dictionary.rows)
        for trial in row.trials:
            if conclusion := concluded(Syndrome.of_trial(trial), known):
                yield _score(name, (cause[name],), conclusion, trial, sibling=sibling)


def pair_scores(dictionary: Dictionary, cause: dict[str, str], count: int) -> Iterator[Score]:
    """Yield how unions of two rows with different causes are diagnosed, by a dictionary that has both."""
    failing = [name for name, row in dictionary.rows.items() if name in cause and _fails(row.trials[-1])]
    pairs = [pair for pair in itertools.combinations(failing, 2) if len({cause[name] for name in pair}) == 2]
    known = Knowledge(dictionary, cause)
    for pair in random.Random(SEED).sample(pairs, min(count, len(pairs))):  # noqa: S311, no secret
        trial = union(*(dictionary.rows[name].trials[-1] for name in pair))
        if conclusion := concluded(Syndrome.of_trial(trial), known):
            true = tuple(sorted(cause[name] for name in pair))
            yield _score(" and ".join(pair), true, conclusion, trial, sibling=True)


def union(one: Trial, other: Trial) -> Trial:
    """Return what a gateway with both defects would make of it: what fails with either fails."""
    letters = {
        column: min(one.letters.get(column, HOLDS).upper(), other.letters.get(column, HOLDS).upper(), key="FINKH".index)
        for column in {**one.letters, **other.letters}
    }
    return Trial(one.began, letters, {**other.named, **one.named})


def _fails(trial: Trial) -> bool:
    return any(letter.upper() == FAILS for letter in trial.letters.values())


def _score(name: str, true: tuple[str, ...], conclusion: Conclusion, trial: Trial, *, sibling: bool) -> Score:
    counts = Counter(named[1:] for named in trial.named.values() if named[1:])
    by_rules = " or ".join(counts.most_common(1)[0][0]) if counts else ""
    ranked = tuple(tuple(sorted(one.causes)) for one in conclusion.ranked)
    return Score(name, true, conclusion.causes, ranked, sibling=sibling, by_rules=by_rules)


def counts(found: Sequence[Named]) -> dict[str, int]:
    """Return how many of these diagnoses are what, by name."""
    return {
        "top-1": sum(one.first for one in found),
        f"top-{TOP}": sum(one.among for one in found),
        "not known": sum(not one.named for one in found),
        "firmly wrong": sum(one.wrong for one in found),
    }


def shares(counted: Mapping[str, int], of: int) -> str:
    """Return such numbers in words, each with its share."""
    return ", ".join(f"{what} {count} ({100 * count / max(1, of):.0f} %)" for what, count in counted.items())


def summary(title: str, found: Sequence[Score], *, shown: bool) -> Iterator[str]:
    """Yield the figures about these diagnoses, and if they are to be `shown` a line for each that is not right."""
    if not found:
        return
    by_rules = {"most named by single rules is true": sum(score.by_rules in score.true for score in found)}
    yield f"{title}: {len(found)} diagnosed: {shares({**counts(found), **by_rules}, len(found))}"
    for score in found if shown else ():
        if score.wrong or not score.first:
            yield f"  {score.mutant}: {score.words}"


def main(arguments: Sequence[str]) -> int:
    """Print the figures; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.commands.leave_one_out", description=__doc__)
    parser.add_argument("--environment", default="loopback", choices=ENVIRONMENTS)
    parser.add_argument("--pairs", type=int, nargs="?", const=PAIRS, default=0, metavar="N", help="also N pairs")
    parser.add_argument("--show", nargs="*", default=["all"], metavar="GROUP", help="name what is not right in these")
    given = parser.parse_args(arguments)
    dictionary = dictionaries().get(given.environment, Dictionary())
    cause = {mutant.name: mutant.cause for mutant in mutants()}
    found = list(scores(dictionary, cause))
    rows = sum(name in cause for name in dictionary.rows)
    groups = {
        "all": found,
        "with a sibling": [score for score in found if score.sibling],
        "without a sibling": [score for score in found if not score.sibling],
        "pairs": list(pair_scores(dictionary, cause, given.pairs)) if given.pairs else [],
    }
    sys.stdout.write(
        f"{many(rows, 'mutant')} with a row; in some trials of {len({s.mutant for s in found})} something fails\n"
    )
    for title, here in groups.items():
        sys.stdout.writelines(f"{line}\n" for line in summary(title, here, shown=title in given.show))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
