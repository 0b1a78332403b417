"""A small suite with every verdict that a report may hold."""

SUITE = r'''
import pytest
from tests.behaviours.distribution.mutants import LYING, PICK_FIRST
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError

def test_right(orders, measured):
    """All is well."""
    measured("half of it", bound="1 each")
    measured("attempts [1, 1]", bound="1 each")

def test_wrong(orders, measured):
    """The subject is right."""
    measured("attempts [3, 3] \x1b \ud800 <b>", bound="1 each")
    assert [3, 3] == [1, 1], "attempts \x1b \ud800 <b>\nmore of it"

def test_unworded(orders, measured):
    """Its assertion has no words of its own."""
    measured("attempts [3, 3]", bound="1 each")
    assert [3, 3] == [1, 1]

def test_unclear(orders):
    """The environment gets somewhere."""
    raise InconclusiveError("the fault was not seen")

def test_broken(orders):
    """The suite has no mistake."""
    return 1 / 0

def test_died(orders):
    """The subject lives."""
    raise SubjectDiedError("gateway died of signal 9")

@pytest.mark.promised("retries")
@pytest.mark.gateway(CALL_TIMEOUT_MS="100")
def test_configured(orders):
    """It can be configured."""

def test_not_told(orders):
    """It tells codes."""
    pytest.skip("its replies tell no code")

@pytest.mark.catches(LYING)
def test_survived(orders):
    """It notices nothing."""

@pytest.mark.catches(PICK_FIRST)
def test_caught(orders, other_code):
    """It notices."""
    assert orders.right

@pytest.mark.catches(LYING)
def test_crashed(orders):
    """It breaks where the mutant is."""
    if not orders.right:
        raise RuntimeError("broken")

@pytest.mark.skip(reason="of the suite itself")
def test_of_the_suite_itself():
    pass
'''
