"""How the diagnosis is measured: each mutant without its own row, and unions of two rows."""

import pytest

from tests.harness.commands import leave_one_out
from tests.harness.commands.leave_one_out import pair_scores, scores, summary, union
from tests.unit.helpers.dictionaries import CAUSE, COLUMNS, LETTERS, dictionary, trial


def test_a_mutant_is_diagnosed_by_its_siblings() -> None:
    """Its own row is left out, so one without a sibling has its rules alone."""
    found = {score.mutant: score for score in scores(dictionary(), CAUSE)}

    assert set(found) == set(LETTERS)
    assert {name for name, score in found.items() if not score.sibling} == {"one_record"}
    assert all(found[name].first and found[name].among and not found[name].wrong for name in ("typo", "no_retry"))


def test_a_mutant_that_nothing_convicts_is_not_diagnosed() -> None:
    """The core does not show every defect."""
    made = dictionary(no_policy="FFNHHHHH", typo="HHHHHHHH")

    assert [score.mutant for score in scores(made, CAUSE)] == ["no_policy"]


def test_what_fails_with_either_fails_with_both() -> None:
    """Before what cannot be judged, and before what holds; causes named for either are kept."""
    both = union(trial("FHNH", {0: "likely pick_first"}), trial("HFHH", {1: "certain no_retry_policy"}))

    assert "".join(both.letters[column] for column in COLUMNS[:4]) == "FFNH"
    assert both.named == {COLUMNS[0]: ("likely", "pick_first"), COLUMNS[1]: ("certain", "no_retry_policy")}


def test_pairs_have_different_causes_and_are_the_same_each_time() -> None:
    """They are drawn with a fixed seed."""
    first, again = (list(pair_scores(dictionary(), CAUSE, 5)) for _ in range(2))

    assert first == again
    assert len(first) == 5
    assert all(len(set(score.true)) == 2 for score in first)


def test_the_figures_count_what_is_right_and_what_is_not() -> None:
    """With a line for each diagnosis that is not right, if they are to be shown."""
    found = list(scores(dictionary(), CAUSE))
    figures, *lines = summary("all", found, shown=True)

    assert figures.startswith("all: 7 diagnosed: top-1 ")
    assert len(lines) == sum(score.wrong or not score.first for score in found)
    assert len(list(summary("all", found, shown=False))) == 1
    assert list(summary("none", [], shown=True)) == []


def test_the_dictionary_in_use_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the figures of what is committed."""
    assert leave_one_out.main(["--show"]) == 0

    assert "with a row; in some trials of " in capsys.readouterr().out
