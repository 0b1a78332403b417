"""Synthetic fault dictionaries: eight behaviours, and mutants with causes that there are."""

from collections.abc import Iterator, Mapping

from tests.harness.diagnosis.dictionary import FAILS, Dictionary, Row, Trial
from tests.harness.diagnosis.knowledge import Knowledge
from tests.harness.diagnosis.scoring import Observation, Syndrome

COLUMNS = tuple(f"test_x.py::test_{name}" for name in "abcdefgh")

CAUSE = {
    "no_policy": "pick_first",
    "typo": "pick_first",
    "one_record": "one_address",
    "no_retry": "no_retry_policy",
    "wrong_name": "no_retry_policy",
    "slow": "reconnect_backoff",
    "slow_too": "reconnect_backoff",
}

LETTERS = {
    "no_policy": "FFNHHHHH",
    "typo": "FFNHHHHH",
    "one_record": "FFNHHFHH",
    "no_retry": "HHHFFHHH",
    "wrong_name": "HHHFFHHH",
    "slow": "HHHHHHFF",
    "slow_too": "HHHHHHFH",
}
"""The outcome of each behaviour for each mutant."""


def trial(letters: str, named: Mapping[int, str] | None = None, began: str = "2026-11-29T09:30") -> Trial:
    """Return a trial, the first behaviour's letter first; for its failures by number how sure rules are of what."""
    found = {column: letter for column, letter in zip(COLUMNS, letters, strict=False) if letter != "."}
    return Trial(began, found, {COLUMNS[number]: tuple(text.split()) for number, text in (named or {}).items()})


def row(mutant: str, letters: str) -> Row:
    """Return a row of one trial, in which rules are sure of the true cause of every failure."""
    named = {number: f"likely {CAUSE[mutant]}" for number, letter in enumerate(letters) if letter == FAILS}
    return Row("0", (trial(letters, named),))


def dictionary(**letters: str) -> Dictionary:
    """Return a dictionary of all mutants, or of these with these letters."""
    rows = {mutant: row(mutant, text) for mutant, text in (letters or LETTERS).items()}
    return Dictionary(
        dict.fromkeys(COLUMNS, "0"), rows, {mutant: (COLUMNS[LETTERS[mutant].index("F")],) for mutant in CAUSE}
    )


def knowledge(**letters: str) -> Knowledge:
    """Return what such a dictionary knows."""
    return Knowledge(dictionary(**letters), CAUSE)


def syndrome(letters: str, *named: str) -> Syndrome:
    """Return what a run observed; `named` are how sure rules are of what for its failures, in order, "" for nothing."""
    texts = iter([*named, *[""] * letters.count(FAILS)])
    return Syndrome(
        [_observation(column, letter, texts) for column, letter in zip(COLUMNS, letters, strict=False) if letter != "."]
    )


def _observation(column: str, letter: str, texts: Iterator[str]) -> Observation:
    words = next(texts).split() if letter == FAILS else []
    return Observation(column, letter, tuple(words[1:]), words[0] if words else "")
