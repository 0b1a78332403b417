"""Why a replica that fails is not ejected, or not for as long as it should be (gRFC A50)."""

import json
from collections.abc import Mapping
from typing import Any

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.outliers import absences

POLICY = "outlier_detection_experimental"

FEW = 12
"""Attempts at the end of a history that show who still gets calls."""

INTERVALS = 3
"""Looks for outliers after which a replica that fails each call must have been ejected once."""


def _settings(case: Case) -> Mapping[str, Any]:
    """Return the settings of the policy that was asked for, none if it was another one."""
    policies = json.loads(case.given.get("GRPC_SERVICE_CONFIG", "{}")).get("loadBalancingConfig", [])
    return next((policy[POLICY] for policy in policies if POLICY in policy), {})


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def _failing(case: Case) -> list[str]:
    """Return the replicas that failed every attempt that was planned to fail anywhere."""
    planned = [each for each in case.attempts if "~" in each.id]
    good = {each.replica for each in planned if each.code == "OK"}
    return sorted({each.replica for each in planned} - good)


def _absences(case: Case, name: str) -> list[float]:
    base = _seconds(_settings(case).get("baseEjectionTime", "30s"))
    trail = [(each.at, each.replica) for each in case.attempts]
    return absences(trail, name, over=len(case.replicas), longer_than=base / 2)


def not_ejected(case: Case) -> Finding | None:
    """A replica failed each call and went on getting its share."""
    failing = _failing(case)
    if not _settings(case) or len(failing) != 1 or _absences(case, failing[0]):
        return None
    (name,) = failing
    its = [each for each in case.attempts if each.replica == name]
    lasted = its[-1].at - its[0].at
    still = name in {each.replica for each in case.attempts[-FEW:]}
    if not still or lasted < INTERVALS * _seconds(_settings(case).get("interval", "10s")):
        return None
    seen = f"{name} failed {len(its)} of {many(len(its), 'call')} in {lasted:.1f} s and still got its share"
    return likely("not_ejected", seen, f"it was looked for outliers every {_settings(case).get('interval', '10s')}")


def constant_ejection(case: Case) -> Finding | None:
    """The second ejection lasted no longer than the first one."""
    base = _seconds(_settings(case).get("baseEjectionTime", "30s"))
    for name in _failing(case) if _settings(case) else ():
        gaps = _absences(case, name)[:2]
        if len(gaps) == 2 and max(gaps) < 1.5 * base + _seconds(_settings(case).get("interval", "10s")) / 2:
            seen = f"{name} was without calls for {gaps[0]:.2f} s, and the next time for {gaps[1]:.2f} s"
            return certain("constant_ejection", seen, f"after {base:g} s comes twice as long, as it went on failing")
    return None
