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
from collections.abc import Iterator, Sequence
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
class Score:
    """How a diagnosis compares with the truth."""

    mutant: str
    true: tuple[str, ...]
    sibling: bool
    named: tuple[str, ...]
    ranked: tuple[tuple[str, ...], ...]
    by_rules: str

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


def scores(dictionary: Dictionary, cause: dict[str, str]) -> Iterator[Score]:
    """Yield how each trial with a failure is diagnosed without its row."""
    for name, row in dictionary.rows.items():
        for trial in row.trials if name in cause else ():
            if conclusion := _concluded(dictionary, cause, trial, name):
                siblings = [other for other in dictionary.rows if other != name and cause.get(other) == cause[name]]
                yield _score(name, (cause[name],), conclusion, trial, sibling=bool(siblings))


def pair_scores(dictionary: Dictionary, cause: dict[str, str], count: int) -> Iterator[Score]:
    """Yield how unions of two rows with different causes are diagnosed, by a dictionary that has both."""
    failing = [name for name, row in dictionary.rows.items() if name in cause and _fails(row.trials[-1])]
    pairs = [pair for pair in itertools.combinations(failing, 2) if len({cause[name] for name in pair}) == 2]
    for pair in random.Random(SEED).sample(pairs, min(count, len(pairs))):  # noqa: S311, no secret
        trial = union(*(dictionary.rows[name].trials[-1] for name in pair))
        conclusion = concluded(Syndrome.of_trial(trial), Knowledge(dictionary, cause))
        if conclusion:
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


def _concluded(dictionary: Dictionary, cause: dict[str, str], trial: Trial, name: str) -> Conclusion | None:
    return concluded(Syndrome.of_trial(trial), Knowledge(dictionary.without(name), cause))


def _score(name: str, true: tuple[str, ...], conclusion: Conclusion, trial: Trial, *, sibling: bool) -> Score:
    counts = Counter(named[1:] for named in trial.named.values() if named[1:])
    by_rules = " or ".join(counts.most_common(1)[0][0]) if counts else ""
    ranked = tuple(tuple(sorted(one.causes)) for one in conclusion.ranked)
    return Score(name, true, sibling, conclusion.causes, ranked, by_rules)


def summary(title: str, found: Sequence[Score], *, shown: bool) -> Iterator[str]:
    """Yield the figures about these diagnoses, and if they are to be `shown` a line for each that is not right."""
    if not found:
        return
    share = {
        "top-1": sum(score.first for score in found),
        f"top-{TOP}": sum(score.among for score in found),
        "not known": sum(not score.named for score in found),
        "firmly wrong": sum(score.wrong for score in found),
        "most named by single rules is true": sum(score.by_rules in score.true for score in found),
    }
    figures = ", ".join(f"{what} {count} ({100 * count / len(found):.0f} %)" for what, count in share.items())
    yield f"{title}: {len(found)} diagnosed: {figures}"
    for score in found if shown else ():
        if score.wrong or not score.first:
            first = " and ".join(score.ranked[0]) if score.ranked else "none"
            what = f"named {' and '.join(score.named)}" if score.named else f"not known, first {first}"
            yield f"  {score.mutant}: {what}; true {' and '.join(score.true)}"


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
