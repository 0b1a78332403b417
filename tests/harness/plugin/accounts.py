"""
What the complete evidence of a behaviour shows in addition to its verdict, in the process that ran it.

What it cost callers (price/price.py), what its gateway was seen to do (checks/exercised.py), and on which gRPC library
(subject/user_agent.py).
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.causes.case import Case
from tests.harness.checks.exercised import exercised
from tests.harness.evidence.history import History
from tests.harness.plugin.runs import Run
from tests.harness.plugin.selection import SUBJECT
from tests.harness.price.bill import UNKNOWN
from tests.harness.price.price import price_of
from tests.harness.report.result import Result
from tests.harness.subject.user_agent import library_in

CASE = pytest.StashKey[Case | None]()
"""The complete evidence of a subject's behaviour that did not fail, until it is accounted for; set by checking.py."""


def accounted(item: pytest.Item, run: Run, result: Result, timeline: Path) -> Result:
    """Return a result with all of that; unchanged if there is no evidence, or for a mutant."""
    if run.mutant or not result.timeline:
        return result
    needed = tuple(kind for mark in item.iter_markers("vacuous_without") for kind in mark.args)
    result = replace(result, vacuous_without=needed)
    try:
        case = item.stash.get(CASE, None) or Case(History.read(timeline), item.config.stash[SUBJECT].promises)
        item.stash[CASE] = None  # the item outlives the behaviour
        price, did = price_of(case), exercised(case)
    except Exception as error:  # noqa: BLE001, a bug of ours must not cost the verdict; the report shows it
        return replace(result, price={UNKNOWN: repr(error)})
    agents = [event.members.get("user_agent", "") for event in case.history.of_kind("replica attempt")]
    members = price.members() if price else None
    return replace(result, price=members, exercised=did, library=library_in(filter(None, agents)))
