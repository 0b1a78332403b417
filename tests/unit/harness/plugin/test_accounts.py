"""What a behaviour cost is in the report of its run, whether it holds or not; what a mutant cost is nobody's."""

from pathlib import Path

from junitparser import JUnitXml

from tests.unit.helpers.inner_run import HEAD, run

SUITE = (
    HEAD
    + """
@pytest.fixture
def lost(orders):
    '''Two calls fail, of three.'''
    timeline, at = orders.timeline, orders.timeline.began
    for event in ("asked", "confirmed"):
        timeline.record(event, at, verb="restore", on="loopback")
    for code in ("OK", "UNAVAILABLE", "UNAVAILABLE"):
        orders.call("" if code != "OK" else "a", code)

@pytest.mark.catches(LYING)
def test_holds(orders, lost):
    '''It holds.'''
    assert orders.right

def test_fails(orders, lost):
    '''It holds.'''
    assert not orders.right

def test_unclear(orders, lost):
    '''It holds.'''
    raise InconclusiveError("the fault was not seen")

def test_without_calls(orders):
    '''It holds.'''
"""
)


def test_what_is_judged_has_a_price(tmp_path: Path) -> None:
    """Both that holds and that fails; not what could not be judged, and no mutant."""
    outcome = run(tmp_path, SUITE)
    prices = {row["behaviour"]: row["price"] for row in outcome.report["behaviours"]}
    (control,) = outcome.report["negative_controls"]
    (suite,) = JUnitXml.fromfile(str(outcome.folder / "junit.xml"))
    properties = {one.name: one.value for one in suite.properties()}

    assert {name: (price["calls"], price["lost"]) for name, price in prices.items() if price} == {
        "test_holds": (3, 2),
        "test_fails": (3, 2),
        "test_unclear": (3, 2),
    }
    assert prices["test_without_calls"] is None
    assert control["price"] is None
    assert (outcome.report["price"]["calls"], outcome.report["price"]["lost"]) == (6, 4)
    assert properties["calls_lost"] == "4"
    assert "calls lost: 4 of 6 that a replica could have served" in outcome.output


def test_a_bug_in_it_costs_no_verdict(tmp_path: Path) -> None:
    """It is named in the report instead."""
    broken = """
import tests.harness.plugin.accounts

def _broken(case):
    raise KeyError("at")

tests.harness.plugin.accounts.price_of = _broken
"""
    outcome = run(tmp_path, SUITE + broken, "-k", "test_holds")

    assert outcome.verdicts == {"test_holds": "conformant"}
    assert outcome.report["price"]["unknown"] == {"test_inner.py::test_holds[loopback]": "KeyError('at')"}
