"""Checks as a whole: each is registered once, explained, documented, and judged after its evidence is complete."""

import re
from pathlib import Path

import pytest

from tests.harness.causes.case import Case, Finding, certain
from tests.harness.causes.settings import CAUSES
from tests.harness.checks import contract, resources
from tests.harness.checks.check import Absent, CheckFailedError, Verdict, check, checks, claim_of, judge
from tests.harness.paths import REFERENCE_DOCS
from tests.unit.helpers.inner_run import HEAD, run
from tests.unit.helpers.story import Story, in_turn

NAMED = re.compile(r'(?:certain|likely)\(\s*"(\w+)"|"(\w+)" if|else "(\w+)"')


def _wrong(_case: Case) -> Verdict:
    return certain("own_calls", "two calls", "it is proven")


def _unknown(_case: Case) -> Verdict:
    return Absent("nobody saw it")


def _right(_case: Case) -> Verdict:
    return None


def test_what_each_check_makes_of_a_case_is_kept() -> None:
    """Those that hold by name, those that cannot judge with the reason."""
    done = judge(Story().case(), {"right": _right, "unknown": _unknown})

    assert (done.held, done.absent) == (["right"], {"unknown": "nobody saw it"})


def test_a_broken_check_is_named_with_what_was_seen() -> None:
    """And the error carries the finding."""
    with pytest.raises(CheckFailedError, match=r"^some rule \(checked in every behaviour\): two calls$") as raised:
        judge(Story().case(), {"right": _right, "some_rule": _wrong})

    assert isinstance(raised.value, AssertionError)
    assert raised.value.finding.suspects == ("own_calls",)


def test_a_name_is_given_once() -> None:
    """Two checks cannot hide each other."""
    with pytest.raises(ValueError, match="two checks are called"):
        check(contract.an_answer_comes_from_a_call)


def test_each_check_holds_or_is_silent_about_a_right_gateway() -> None:
    """Nothing is found in twelve calls that go round."""
    story = Story().asked(0.4).calls(1.1, *in_turn(12)).connected(0.5, "a", "pa")

    assert [name for name, function in checks().items() if isinstance(function(story.case()), Finding)] == []


def test_each_cause_that_a_check_names_is_explained() -> None:
    """It is in the causes.toml of a theme."""
    sources = [Path(module.__file__ or "").read_text(encoding="utf-8") for module in (contract, resources)]
    named = {next(filter(None, found)) for source in sources for found in NAMED.findall(source)}

    assert len(named) > 10
    assert sorted(named - {"absent"} - set(CAUSES)) == []


def test_each_check_is_documented() -> None:
    """In the table of the page about reports, with what it claims in its docstring."""
    page = (REFERENCE_DOCS / "reports.md").read_text(encoding="utf-8")

    assert [name for name in checks() if f"| {name.replace('_', ' ')} |" not in page] == []
    assert [name for name, function in checks().items() if not claim_of(function).endswith(".")] == []


BEHAVIOURS = (
    HEAD
    + '''
def _wrong(world):
    now = world.timeline.began + 1
    reply = {"served_by": None, "code": None, "message": "HTTP 200: {}", "caller": 1}
    world.timeline.record("order", now, id="o-1", sent=now, received=now, status=200, **reply)

def test_holds(orders):
    """It looks at nothing."""

def test_wrong(orders):
    """It looks at nothing, and a failure has the status of success."""
    _wrong(orders)

def test_skipped(orders):
    """It gives up, and a failure has the status of success."""
    _wrong(orders)
    pytest.skip("no code is known")

def test_unclear(orders):
    """It gets nowhere, and a failure has the status of success."""
    _wrong(orders)
    raise InconclusiveError("the fault was not seen")

def test_late(orders):
    """A busy machine excuses nothing."""
    _wrong(orders)
    orders.timeline.record("suite late", seconds=3.0)

def test_excused(orders):
    """It fails on a busy machine, which does not excuse what a check finds."""
    _wrong(orders)
    orders.timeline.record("suite late", seconds=3.0)
    assert orders is None

def test_failed(orders):
    """It fails by itself."""
    _wrong(orders)
    assert orders is None
'''
)


def test_every_behaviour_is_checked_that_has_not_failed(tmp_path: Path) -> None:
    """A violation fails what held, what was skipped and what was unclear, with its cause."""
    rows = {row["behaviour"]: row for row in run(tmp_path, BEHAVIOURS, "-m", "loopback").report["behaviours"]}
    wrong = {"test_wrong", "test_skipped", "test_unclear", "test_late"}

    assert {name for name in wrong if rows[name]["verdict"] == "nonconformant"} == wrong
    assert {tuple(rows[name]["suspects"]) for name in wrong} == {("failures_as_success",)}
    assert all(rows[name]["message"].startswith("a failure has a status of 400 or more (checked") for name in wrong)
    assert rows["test_excused"]["verdict"] == "nonconformant"
    assert "checked in every behaviour" in rows["test_excused"]["message"]
    assert rows["test_holds"]["verdict"] == "conformant"
    assert "checked in every behaviour" not in rows["test_failed"]["message"]
