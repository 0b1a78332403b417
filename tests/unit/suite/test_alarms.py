"""What `make alarms` counts, on reports made up for it."""

from tests.suite.alarms import Tally, against


def report(**verdicts: str) -> dict[str, object]:
    """Return a report of so many seconds whose behaviours have these verdicts."""
    behaviours = [{"behaviour": name, "verdict": verdict} for name, verdict in verdicts.items()]
    wrong = "nonconformant" in verdicts.values()
    return {"verdict": "nonconformant" if wrong else "conformant", "seconds": 20.0, "behaviours": behaviours}


def test_what_failed_and_what_could_not_be_judged_are_told_apart() -> None:
    """A library's property is neither."""
    found = against(report(a="conformant", b="inconclusive", c="nonconformant", d="library property", e="inconclusive"))

    assert found == {"inconclusive": ["b", "e"], "nonconformant": ["c"]}


def test_runs_are_counted_with_what_was_said_of_what() -> None:
    """The commonest comes first."""
    tally = Tally()
    tally.add(report(a="conformant", b="inconclusive"), load=2)
    tally.add(report(a="nonconformant", b="inconclusive"), load=30)

    runs, loads, seconds, *said = tally.lines
    assert runs == "2 runs: 1 conformant, 1 nonconformant"
    assert loads.startswith("load 2 to 30; median 16")
    assert seconds == "20 s (median), 20 s (longest)"
    assert said == ["2 times inconclusive: b", "1 times nonconformant: a"]
