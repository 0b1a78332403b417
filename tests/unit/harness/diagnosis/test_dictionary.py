"""The dictionary as data: written and read again, aged, and without what is left out."""

from pathlib import Path

from tests.harness.causes.settings import CAUSES
from tests.harness.diagnosis.dictionary import Dictionary, Row, Trial, dictionaries, letter_of, read, write
from tests.unit.helpers.dictionaries import COLUMNS, dictionary, trial


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Rows with several trials and with gaps, causes of failures, and one environment next to another."""
    gaps = Row("1", (trial("F.h", {0: "undecided"}), trial(".F", {1: "likely pick_first one_address"})))
    every = {"loopback": Dictionary({COLUMNS[0]: "0"}, {"x": gaps}, {"x": (COLUMNS[1],)}), "kind": dictionary()}
    file = tmp_path / "dictionary.json"

    write(file, every)

    assert read(file) == every
    assert [other.name for other in tmp_path.iterdir()] == [file.name]


def test_a_change_is_a_line(tmp_path: Path) -> None:
    """Another trial of one row changes that row's line alone."""
    file = tmp_path / "dictionary.json"
    before = dictionary()
    write(file, {"loopback": before})
    lines = file.read_text(encoding="utf-8").splitlines()
    again = Row("0", (*before.rows["slow"].trials, trial("HHHHHHHF")))

    write(file, {"loopback": Dictionary(before.digests, {**before.rows, "slow": again}, before.catches)})

    changed = [line for line in file.read_text(encoding="utf-8").splitlines() if line not in lines]
    assert [line.split(":")[0] for line in changed] == ['"slow"']


def test_no_file_is_no_dictionary(tmp_path: Path) -> None:
    """A run without it is diagnosed by rules alone."""
    assert read(tmp_path / "dictionary.json") == {}


def test_aged_cells_count_until_they_are_measured_again() -> None:
    """They are not fresh, and still say how the behaviour came out."""
    row = Row("0", (trial("FH"),))
    aged = Row("0", tuple(each.aged({COLUMNS[0]}) for each in row.trials))

    assert (row.fresh(COLUMNS[0]), aged.fresh(COLUMNS[0]), aged.fresh(COLUMNS[1])) == (["F"], [], ["H"])
    assert aged.counted(COLUMNS[0]) == row.counted(COLUMNS[0]) == {"F": 1}
    assert trial("FH").aged().letters == {COLUMNS[0]: "f", COLUMNS[1]: "h"}


def test_cases_age_with_their_behaviour() -> None:
    """A case is a column, a behaviour may have many."""
    both = Trial("", {"test_x.py::test_a[ABORTED]": "F", "test_x.py::test_a[UNKNOWN]": "H"})

    assert set(both.aged({"test_x.py::test_a"}).letters.values()) == {"f", "h"}


def test_leaving_out_a_mutant_leaves_nothing_of_it() -> None:
    """Neither its row nor what declares to catch it."""
    left = dictionary().without("slow")

    assert "slow" not in left.rows
    assert "slow" not in left.catches
    assert "slow_too" in left.rows


def test_each_verdict_has_a_letter() -> None:
    """What is known to fail, or is the library's, is none of what a defect explains."""
    verdicts = ("conformant", "nonconformant", "inconclusive", "known failure", "library property", "fixed upstream")

    assert [letter_of(verdict) for verdict in verdicts] == ["H", "F", "I", "K", "K", "H"]


def test_the_one_in_use_names_causes_that_there_are() -> None:
    """Every cause that a cell names has words."""
    named = {
        cause
        for dictionary in dictionaries().values()
        for row in dictionary.rows.values()
        for trial in row.trials
        for _, *causes in trial.named.values()
        for cause in causes
    }

    assert "loopback" in dictionaries()
    assert named <= set(CAUSES)
