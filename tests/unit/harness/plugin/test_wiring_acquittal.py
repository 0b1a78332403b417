"""What the plugins make of positive controls, seen in runs of a small suite."""

from pathlib import Path

from tests.harness.subject.fronts import ByItself
from tests.harness.themes import controls
from tests.unit.helpers.inner_run import HEAD, run

CONTROLS = (
    HEAD
    + '''
from tests.behaviours.deadlines.controls import WAITS

@pytest.mark.acquits(WAITS)
def test_acquitted(orders):
    """It holds for all."""

@pytest.mark.acquits(WAITS)
def test_accusing(orders, request):
    """It takes what is unusual for wrong."""
    request.node.user_properties += [("measured", "4 of 5 calls"), ("bound", "all")]
    assert orders.right, "calls are late"

@pytest.mark.acquits(WAITS)
def test_open(orders):
    """It cannot judge what is unusual."""
    if not orders.right:
        raise InconclusiveError("no call was in flight")

@pytest.mark.acquits(WAITS)
def test_skipped(orders):
    """It leaves out what is unusual."""
    if not orders.right:
        pytest.skip("its replies tell no code")

@pytest.mark.acquits(WAITS)
@pytest.mark.promised("fail fast")
def test_not_promised(orders):
    """It judges what the control does not promise."""
    assert orders.right

@pytest.mark.gateway(WAIT_FOR_READY="true")
def test_configured(orders):
    """It judges a configured gateway."""

@pytest.mark.gateway(WAIT_FOR_READY="true")
@pytest.mark.or_promised("wait_for_ready")
def test_configured_or_promised(orders):
    """It judges a configured gateway, or one that promises it."""
'''
)


def test_a_right_gateway_that_is_accused_fails_the_run(tmp_path: Path) -> None:
    """Exit status 1, though the subject is right; the behaviour is named, and of what it accuses which gateway."""
    outcome = run(tmp_path, CONTROLS)

    assert outcome.status == 1
    assert outcome.report["verdict"] == "conformant"
    assert outcome.report["negative_controls"] == []
    assert "[loopback-waits_for_a_replica] accuses a gateway that is right: it lets calls wait" in outcome.output
    assert "measured 4 of 5 calls; bound all" in outcome.output
    assert "waits_for_a_replica could not be judged by" in outcome.output
    assert "1 gateway: 1 acquittal, 2 accused or unjudged, 1 left open" in outcome.output
    assert "test_not_promised[loopback-waits" not in outcome.output


def test_acquittals_alone_leave_the_run_right(tmp_path: Path) -> None:
    """Exit status 0 where no behaviour accuses; they can be left out like mutants."""
    right = run(tmp_path, CONTROLS, "-k", "test_acquitted or test_skipped")
    without = run(tmp_path, CONTROLS, "-m", "not positive_control", "-k", "test_acquitted")

    assert right.status == without.status == 0
    assert "1 gateway: 1 acquittal, 0 accused or unjudged, 1 left open" in right.output
    assert "right but unusual gateways" not in without.output


def test_every_control_can_be_met_by_every_behaviour(tmp_path: Path) -> None:
    """
    With --controls=all a behaviour runs against all to which it applies, whether or not it names them.

    To one that calls by itself only those apply that need no order.
    """
    outcome = run(tmp_path, CONTROLS, "--controls=all", "-m", "positive_control", "-k", "acquitted or configured")
    lines = [line for line in outcome.output.splitlines() if "gateways: " in line]
    ordered = [control for control in controls() if not isinstance(control.call, ByItself)]

    assert outcome.status == 0
    assert lines[0].startswith(f"{len(ordered)} gateways: {len(ordered) + 1} acquittals, 0 accused")
