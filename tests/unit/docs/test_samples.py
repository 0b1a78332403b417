"""The samples in README and guides: what can be checked without a run is what the suite prints today."""

import json
import re
from pathlib import Path

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.report.wording import words
from tests.harness.themes import behaviour_files
from tests.suite import samples

SHOWN = {name: body for page in samples.pages() for name, body in samples.samples_in(page).items()}


def _spoken(text: str) -> str:
    """Return the words of a text alone: wherever a table breaks its lines, and whatever it draws around them."""
    return " ".join(re.findall(r"\w+", text))


def test_every_sample_is_marked_once_and_known() -> None:
    """Each one that can be written is on a page, and a page marks no other."""
    marked = [name for page in samples.pages() for name in samples.samples_in(page)]

    assert sorted(marked) == sorted([*samples.STATIC, *samples.FROM_RUNS])


@pytest.mark.parametrize("name", samples.STATIC)
def test_a_sample_that_needs_no_run_is_fresh(name: str) -> None:
    """`make samples` would write the same."""
    assert SHOWN[name] == samples.STATIC[name]()


@pytest.mark.parametrize("name", samples.FROM_RUNS)
def test_a_sample_of_a_run_shows_a_behaviour_that_exists(name: str) -> None:
    """One of that name is judged today, and the sample says its name."""
    names = {
        name for file in behaviour_files() for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }

    assert samples.BEHAVIOUR in names
    assert _spoken(words(samples.BEHAVIOUR)) in _spoken(SHOWN[name])


@pytest.mark.parametrize("name", ["red", "failing"])
def test_a_sample_of_a_failure_names_its_cause_in_todays_words(name: str) -> None:
    """The sentence is the one that causes.toml has, and so is the setting for the subject's language."""
    cause = CAUSES[samples.CAUSE]

    assert _spoken(cause.text) in _spoken(SHOWN[name])
    assert _spoken(cause.settings["c_core"].text) in _spoken(SHOWN[name])


OUTPUT = samples.Output(
    (
        "One cause explains 1 of 1 failures: none",
        "    change: nothing",
        "",
        "theme",
        "  serial calls rotate across all replicas   FAILS   1.7 s",
        "    promise: that they do, one",
        "    after the other",
        "    measured: 30 calls 30",
        "    seen: all at one replica;",
        "    over one connection",
        "  another behaviour                    holds   0.1 s",
        "    measured: nothing",
        "",
        "2 behaviours: 1 FAILS, 1 holds",
        "evidence: report/",
    )
)


def test_a_block_ends_where_the_next_behaviour_begins() -> None:
    """It holds every line about the behaviour, and none about another."""
    assert OUTPUT.block(samples.BEHAVIOUR) == list(OUTPUT.lines[4:10])


def test_paragraphs_are_left_out_with_all_their_lines() -> None:
    """What is shortened is whole paragraphs."""
    assert OUTPUT.block(samples.BEHAVIOUR, ("promise",)) == [OUTPUT.lines[4], *OUTPUT.lines[7:10]]


def test_the_diagnosis_ends_where_the_table_begins() -> None:
    """It is a paragraph; a run without one makes no sample."""
    assert OUTPUT.diagnosis() == list(OUTPUT.lines[:2])
    with pytest.raises(SystemExit, match="has no diagnosis"):
        samples.Output(("nothing",)).diagnosis()


def test_verdicts_are_counted_without_what_follows() -> None:
    """One line."""
    assert OUTPUT.counts() == ["2 behaviours: 1 FAILS, 1 holds"]


def test_a_run_without_the_behaviour_makes_no_sample() -> None:
    """It says what is missing instead of writing an empty one."""
    with pytest.raises(SystemExit, match="did not judge 'serial calls"):
        samples.Output(("nothing",)).block(samples.BEHAVIOUR)
    with pytest.raises(SystemExit, match="counts no verdicts"):
        samples.Output(("nothing",)).counts()


def test_a_run_that_could_not_judge_everything_makes_no_sample(tmp_path: Path) -> None:
    """It names what was inconclusive; a run that judged everything passes."""
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"behaviours": [{"behaviour": "test_a", "verdict": "nonconformant"}]}))
    samples.refuse_inconclusive(tmp_path)
    report.write_text(json.dumps({"behaviours": [{"behaviour": "test_b", "verdict": "inconclusive"}]}))

    with pytest.raises(SystemExit, match="inconclusive: test_b"):
        samples.refuse_inconclusive(tmp_path)
