"""What `make twins` counts, on reports made up for it."""

from typing import Any

from tests.suite.twins import LANGUAGES, Outcome, totals, twins


def report(failures: int, named: list[str], *ranked: list[str]) -> dict[str, Any]:
    """Return a report with so many failures and one behaviour that holds, diagnosed so; not at all if nothing fails."""
    verdicts = ["nonconformant"] * failures + ["conformant"]
    diagnosis = {"causes": named, "hypotheses": [{"causes": causes} for causes in ranked]}
    return {
        "behaviours": [{"verdict": verdict} for verdict in verdicts],
        "diagnosis": [diagnosis] if failures else [],
    }


def test_twins_exist_in_every_language() -> None:
    """Nothing but settings and the world make them, so none has a gateway written for it; and there are enough."""
    found = twins()

    assert len(found) * len(LANGUAGES) >= 40
    assert not any(mutant.gateway or mutant.through for mutant in found)


def test_true_and_untrue_diagnoses_are_counted() -> None:
    """One that is undecided is not wrong; a gateway of which nothing fails has no diagnosis to count."""
    (mutant,) = (one for one in twins() if one.name == "pick_first")
    reports = [
        report(9, ["pick_first"], ["pick_first"], ["one_address"]),
        report(3, [], ["one_address"], ["pick_first"]),
        report(2, ["one_address"], ["one_address"]),
        report(0, []),
    ]
    outcomes = [Outcome.of("go", mutant, one) for one in reports]

    assert [one.line for one in outcomes] == [
        "pick_first in go: 9 failures, named pick_first; true pick_first",
        "pick_first in go: 3 failures, not known, first one_address; true pick_first",
        "pick_first in go: 2 failures, named one_address; true pick_first",
        "pick_first in go: nothing fails",
    ]
    assert list(totals(outcomes)) == [
        "4 twins, of 3 something fails",
        "top-1 1 (33 %), top-3 2 (67 %), not known 1 (33 %), firmly wrong 1 (33 %)",
    ]
