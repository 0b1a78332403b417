"""A subject over TLS that completes no handshake fails before the behaviour itself; that counts all the same."""

from pathlib import Path

from tests.unit.helpers.inner_run import HEAD, run

SUITE = (
    HEAD
    + """
from tests.harness.world.verdict import NeverConnectedError

@pytest.fixture
def unconnected(orders):
    if {when}:
        kind = {{"server_name": "dns", "protocols": ["h2"], "outcome": "alert: bad certificate", "count": 2}}
        orders.timeline.record("never connected", name="order-service", handshakes=[kind])
        raise NeverConnectedError("no handshake was completed")

@pytest.mark.catches(LYING)
def test_a(unconnected):
    '''It holds.'''
"""
)


def test_it_is_nonconformant_with_its_cause(tmp_path: Path) -> None:
    """Exit status 1, and not 6 for what could not be judged."""
    outcome = run(tmp_path, SUITE.format(when="orders.right"))
    (row,) = outcome.report["behaviours"]

    assert outcome.status == 1
    assert (row["verdict"], row["suspects"]) == ("nonconformant", ["wrong_server_name"])


def test_a_known_failure_may_be_one(tmp_path: Path) -> None:
    """It is expected, as any other failure."""
    known = (
        '[subject]\nname = "outside"\n[loopback]\ncommand = ["x"]\n[known_failures]\n"test_inner.py::test_a" = "soon"'
    )
    outcome = run(tmp_path, SUITE.format(when="orders.right"), subject=known)

    assert outcome.verdicts == {"test_a": "known failure"}


def test_a_mutant_is_caught_by_it(tmp_path: Path) -> None:
    """If that is its true cause; this one has another."""
    outcome = run(tmp_path, SUITE.format(when="not orders.right"))

    assert outcome.verdicts == {"test_a": "conformant"}
    assert outcome.controls == {("test_a", "lying"): "wrong reason"}
