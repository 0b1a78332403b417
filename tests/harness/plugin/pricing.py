"""What a behaviour cost its callers, whether it holds or not: worked out in the process that ran it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.causes.case import Case
from tests.harness.evidence.history import History
from tests.harness.plugin.runs import Run
from tests.harness.plugin.selection import SUBJECT
from tests.harness.price.bill import UNKNOWN
from tests.harness.price.price import price_of
from tests.harness.report.result import Result

CASE = pytest.StashKey[Case]()
"""The complete evidence of a behaviour that did not fail; set by checking.py."""


def priced(item: pytest.Item, run: Run, result: Result, timeline: Path) -> Result:
    """Return a result with what it cost, by its complete evidence; unchanged if there is none, or for a mutant."""
    if run.mutant or not result.timeline:
        return result
    try:
        case = item.stash.get(CASE, None) or Case(History.read(timeline), item.config.stash[SUBJECT].promises)
        price = price_of(case)
    except Exception as error:  # noqa: BLE001, a bug of ours must not cost the verdict; the report shows it
        return replace(result, price={UNKNOWN: repr(error)})
    return replace(result, price=price.members()) if price else result
