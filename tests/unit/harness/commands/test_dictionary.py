"""What is measured for the dictionary: in which order, again after a change, and never twice without need."""

import sys
from pathlib import Path

import pytest

from tests.harness.commands import dictionary as command
from tests.harness.commands.definitions import behaviours_now, catches_now, core_of, is_measured, rows_now
from tests.harness.commands.dictionary import Wanted, add, ages, ordered, present, trial_of, wanted
from tests.harness.diagnosis.dictionary import REFERENCE, Dictionary, Row, Trial, behaviour_of, read, write
from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.themes import mutants
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import result, save

CORE = core_of(REFERENCE, "loopback")
NAMES = [REFERENCE, "pick_first", "no_retry"]


def _whole(letter: str = "H", **others: str) -> Trial:
    return Trial("2026-11-29T09:30", {column: others.get(column, letter) for column in CORE})


def _measured(*names: str) -> Dictionary:
    """Return a dictionary with one trial of the whole core for each of these rows."""
    kept = Dictionary(behaviours_now(), {}, catches_now("loopback"))
    for name in names:
        kept = add(kept, name, rows_now("loopback")[name], _whole())
    return present(kept, "loopback")


def test_every_mutant_of_the_reference_config_has_a_row() -> None:
    """And the right gateways; what changes another config has what catches it."""
    here = {mutant.name for mutant in mutants() if "loopback" in mutant.environments}
    without = {mutant.name for mutant in mutants() if not is_measured(mutant)}

    assert ordered("loopback")[0] == REFERENCE
    assert set(ordered("loopback")) >= here - without
    assert not without & set(ordered("loopback"))
    assert all(catches_now("loopback")[name] for name in here)


def test_what_the_core_catches_comes_first() -> None:
    """And of that what has a sibling: a diagnosis without a mutant's row can be measured with it."""
    here = [mutant for mutant in mutants() if "loopback" in mutant.environments]
    cause = {mutant.name: mutant.cause for mutant in here}
    core = {behaviour_of(column) for column in CORE}
    every = [name for name in ordered("loopback") if name in cause]
    missed = [not core & set(map(behaviour_of, catches_now("loopback")[name])) for name in every]
    alone = [list(cause.values()).count(cause[name]) == 1 for name in every]

    assert list(zip(missed, alone, strict=True)) == sorted(zip(missed, alone, strict=True))


def test_a_row_that_was_measured_is_not_measured_again() -> None:
    """The next one is; with more repetitions all of them are, once more."""
    kept = _measured(*NAMES[:2])

    assert next(wanted(kept, "loopback", 1, NAMES)).name == "no_retry"
    assert {wants.name for wants in wanted(_measured(*NAMES), "loopback", 1, NAMES)} == set()
    assert [wants.name for wants in wanted(_measured(*NAMES), "loopback", 2, NAMES)][:3] == NAMES


def test_a_changed_mutant_is_measured_again() -> None:
    """All of its row, and no other."""
    kept = _measured(*NAMES)
    changed = Dictionary(
        kept.digests, {**kept.rows, "no_retry": Row("other", kept.rows["no_retry"].trials)}, kept.catches
    )

    (wants,) = wanted(present(changed, "loopback"), "loopback", 1, NAMES)

    assert (wants.name, wants.whole, len(wants.columns)) == ("no_retry", True, len(CORE))


def test_a_changed_behaviour_is_measured_again() -> None:
    """Its column in each row, without the rest of the core."""
    kept, changed = _measured(*NAMES), behaviour_of(CORE[0])
    older = Dictionary({**kept.digests, changed: "other"}, kept.rows, kept.catches)

    every = list(wanted(present(older, "loopback"), "loopback", 1, NAMES))

    assert [wants.name for wants in every] == NAMES
    assert {behaviour_of(column) for wants in every for column in wants.columns} == {changed}
    assert every[1].arguments[0] == "--stand-in=pick_first"
    assert [argument.partition("::")[2] for argument in every[1].arguments[1:]] == [changed.partition("::")[2]]
    assert len(every[0].arguments) == 1


def test_what_varies_is_measured_more_often() -> None:
    """A cell that came out differently in two trials, until there are enough to say how often."""
    kept = add(_measured(*NAMES), "no_retry", rows_now("loopback")["no_retry"], _whole(**{CORE[0]: "F"}))

    (wants,) = wanted(kept, "loopback", 1, NAMES)

    assert (wants.name, list(wants.columns)) == ("no_retry", [CORE[0]])


def test_a_new_trial_takes_the_place_of_aged_cells() -> None:
    """And stands next to those that are not."""
    kept = _measured("no_retry").rows["no_retry"]
    aged = Dictionary({}, {"no_retry": Row(kept.digest, (kept.trials[0].aged({behaviour_of(CORE[0])}),))})

    row = add(aged, "no_retry", kept.digest, Trial("later", {CORE[0]: "F"})).rows["no_retry"]

    assert row.counted(CORE[0]) == {"F": 1}
    assert row.counted(CORE[1]) == {"H": 1}


def test_what_no_longer_exists_is_left_out() -> None:
    """A mutant or a behaviour that was removed."""
    odd = Dictionary(
        {"test_x.py::test_old": "0"}, {"old": Row("0"), REFERENCE: Row("0", (Trial("", {"test_x.py::test_old": "H"}),))}
    )

    kept = present(odd, "loopback")

    assert set(kept.rows) == {REFERENCE}
    assert kept.columns == []
    assert kept.digests == {}


def test_a_run_is_a_trial(tmp_path: Path) -> None:
    """Letters by case, what was named for its failures and how sure, and skips at run time alone."""
    wrong = {"verdict": Verdict.NONCONFORMANT, "suspects": ("pick_first",), "sureness": "likely: nothing else does"}
    results = [result("test_a"), result("test_b[ABORTED]", **wrong), result("test_c", verdict=Verdict.INCONCLUSIVE)]
    not_judged = {
        "tests/test_x.py::test_d[loopback]": "calls are not spread over the replicas in the first place",
        "tests/test_x.py::test_e[loopback]": "the subject does not promise retries",
    }

    trial = trial_of(SavedRun.at(save(tmp_path, results, not_judged=not_judged)), "2026-11-29T09:30")

    assert trial.letters == {
        "test_distribution.py::test_a": "H",
        "test_distribution.py::test_b[ABORTED]": "F",
        "test_distribution.py::test_c": "I",
        "test_x.py::test_d": "N",
    }
    assert trial.named == {"test_distribution.py::test_b[ABORTED]": ("likely", "pick_first")}


def test_the_list_says_how_old_each_row_is() -> None:
    """And what is missing of all."""
    lines = list(ages(_measured(REFERENCE), "loopback"))

    assert lines[0] == (
        f"reference: measured 2026-11-29T09:30 to 2026-11-29T09:30 in 1 trial, 0 of {len(CORE)} cells missing, 0 aged"
    )
    assert ": never measured, " in lines[1]
    assert lines[-1].startswith(f"loopback: 1 of {len(ordered('loopback'))} rows, ")


def test_a_row_without_a_report_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named and left for the next time; what was measured is written at once."""

    def _run(wants: Wanted, _environment: str, folder: Path) -> Trial:
        if wants.name == REFERENCE:
            SavedRun.at(folder)
        return Trial("2026-11-29T09:30", dict.fromkeys(wants.columns, "H"))

    file = tmp_path / "dictionary.json"
    monkeypatch.setattr(command, "FILE", file)
    monkeypatch.setattr(command, "measured", _run)

    assert command.main(["--rows", *NAMES]) == 0
    assert set(read(file)["loopback"].rows) == set(NAMES[1:])


def test_a_run_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the signal after which a run takes down what it started; what it has judged by then counts, here nothing."""
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!/bin/sh\ntrap 'touch {tmp_path}/ended; exit 2' TERM\nwhile :; do sleep 0.05; done\n")
    hangs.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hangs))
    monkeypatch.setattr(command, "PATIENCE", 0.3)

    with pytest.raises(SavedRunError):
        command.measured(Wanted("pick_first", CORE, whole=True), "loopback", tmp_path / "none")
    assert (tmp_path / "ended").exists()


def test_no_row_begins_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--minutes=0` measures nothing."""
    monkeypatch.setattr(command, "FILE", tmp_path / "dictionary.json")

    assert command.main(["--minutes=0"]) == 0
    assert not (tmp_path / "dictionary.json").exists()


def test_a_dictionary_that_is_out_of_date_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is refreshed, which needs no run."""
    monkeypatch.setattr(command, "FILE", tmp_path / "dictionary.json")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    write(tmp_path / "dictionary.json", {"loopback": Dictionary()})

    assert command.main(["--check"]) == 1
    assert command.main(["--refresh"]) == 0
    assert command.main(["--check"]) == 0


def test_what_has_no_row_cannot_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A mutant that is wrong only where its own config is requested, or a name that nothing has."""
    without = next(mutant.name for mutant in mutants() if not is_measured(mutant))

    with pytest.raises(SystemExit):
        command.main(["--rows", without, "odd"])
    assert f"not a row: {', '.join(sorted([without, 'odd']))}" in capsys.readouterr().err
