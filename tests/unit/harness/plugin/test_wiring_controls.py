"""What the plugins make of negative controls, seen in runs of a small suite."""

from pathlib import Path

from tests.unit.helpers.inner_run import HEAD, run

CONTROLS = (
    HEAD
    + '''
@pytest.mark.catches(LYING)
def test_survived(orders):
    """It notices nothing."""

@pytest.mark.catches(LYING)
def test_crashed(orders):
    """It breaks where the mutant is."""
    if not orders.right:
        raise RuntimeError("broken")

@pytest.mark.catches(LYING)
def test_died(orders):
    """The mutant is dead instead of wrong."""
    if not orders.right:
        raise SubjectDiedError("gateway died of signal 9")

@pytest.mark.catches(LYING)
def test_caught(orders):
    """It notices."""
    assert orders.right
'''
)

UNSEEN = (
    HEAD
    + '''
@pytest.mark.catches(LYING)
def test_caught(orders):
    """It notices, and leaves nothing that says why."""
    orders.evidence = "none"
    assert orders.right
'''
)

BROKEN = (
    HEAD
    + '''
@pytest.mark.catches(LYING)
def test_caught(orders):
    """It notices, and what it leaves is no history."""
    orders.timeline.record("order", id="o-1")
    assert orders.name == "elsewhere"
'''
)

SKIPPED = (
    HEAD
    + '''
@pytest.fixture
def told(orders):
    if not orders.right:
        pytest.skip("its replies tell no code")

@pytest.mark.catches(LYING)
def test_told(told):
    """It tells codes."""

@pytest.mark.catches(LYING)
def test_skipped(orders):
    """It skips itself where the mutant is."""
    if not orders.right:
        pytest.skip("no wish to look")
'''
)


def test_a_mutant_that_is_not_caught_fails_the_run(tmp_path: Path) -> None:
    """Exit status 1, though the subject is right: a mutant survived, one crashed the behaviour, one died."""
    outcome = run(tmp_path, CONTROLS)

    assert outcome.status == 1
    assert outcome.report["verdict"] == "conformant"
    assert outcome.controls == {
        ("test_survived", "lying"): "survived",
        ("test_crashed", "lying"): "crashed",
        ("test_died", "lying"): "crashed",
        ("test_caught", "lying"): "caught",
    }
    assert "3 failed, 4 passed, 1 xfailed" in outcome.output


def test_a_mutant_that_is_caught_for_another_reason_fails_the_run(tmp_path: Path) -> None:
    """Exit status 1 where the evidence does not lead to the true cause; the message names both."""
    outcome = run(tmp_path, CONTROLS, "-k", "test_caught and negative_control or test_nothing")
    right = outcome.report["negative_controls"][0]
    outcome = run(tmp_path, UNSEEN, "-k", "lying")
    (control,) = outcome.report["negative_controls"]

    assert (right["verdict"], right["suspects"]) == ("caught", ["served_by_changed"])
    assert right["seen"] == "3 of 5 replies named a replica that did not answer, such as a for b"
    assert right["remedy"].startswith("no setting: ")
    assert outcome.status == 1
    assert (control["verdict"], control["suspects"]) == ("wrong reason", [])
    assert "cause named none, true cause served_by_changed" in control["message"]
    assert "WRONG REASON caught" in outcome.output


def test_a_rule_that_breaks_costs_no_verdict_and_fails_the_control(tmp_path: Path) -> None:
    """A subject keeps its verdict, and what broke is said; a mutant's cause was not named."""
    outcome = run(tmp_path, BROKEN)
    (judged,) = outcome.report["behaviours"]

    assert (judged["verdict"], judged["cause"]) == ("nonconformant", "not known")
    assert "the rules that look for a cause failed" in judged["seen"]
    assert outcome.controls == {("test_caught", "lying"): "wrong reason"}


def test_a_mutant_that_is_not_judged_fails_the_run(tmp_path: Path) -> None:
    """A negative control that is skipped, before it or in it, has not caught its mutant."""
    outcome = run(tmp_path, SKIPPED)

    assert outcome.status == 1
    assert set(outcome.controls.values()) == {"crashed"}
    assert len(outcome.controls) == 2
