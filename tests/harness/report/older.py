"""What older reports call differently, under the names and words of today."""

from collections.abc import Mapping
from typing import Any

from tests.harness.evidence.renamed import present_id, present_mutant, present_row

VERDICTS = {"mended": "unexpectedly passing"}
"""The verdicts that have another word now."""


def today(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result of a report with today's word for its verdict."""
    verdict = str(result["verdict"])
    return {**result, "verdict": VERDICTS.get(verdict, verdict)}


def todays(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole report so, its behaviours and mutants under their names of today."""
    results = {
        name: [today(present_row(result)) for result in document.get(name, ())]
        for name in ("behaviours", "negative_controls")
    }
    return {
        **document,
        **results,
        "causes": [_cause(cause) for cause in document.get("causes", ())],
        "diagnosis": [_diagnosis(found) for found in document.get("diagnosis", ())],
        "price": _price(document.get("price")),
        "not_judged": {present_id(name): reason for name, reason in document.get("not_judged", {}).items()},
        "mutants": {present_mutant(name): wrong for name, wrong in document.get("mutants", {}).items()},
    }


def _price(bill: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if bill is None:
        return None
    items = [{**item, "behaviour": present_id(item["behaviour"])} for item in bill["items"]]
    return {**bill, "items": items}


def _cause(cause: Mapping[str, Any]) -> dict[str, Any]:
    ids = {name: [present_id(behaviour) for behaviour in cause[name]] for name in ("behaviours", "agree")}
    return {**cause, **ids}


def _diagnosis(found: Mapping[str, Any]) -> dict[str, Any]:
    ids = {name: [present_id(behaviour) for behaviour in found[name]] for name in ("explained", "unexplained")}
    return {**found, **ids}
