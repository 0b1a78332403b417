"""Why a failing replica is not ejected, or not for as long as it should be (gRFC A50)."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, tally
from tests.harness.judges.outliers import absences
from tests.harness.subject.service_configs import seconds

POLICY = "outlier_detection_experimental"

ROUNDS = 4
"""Attempts for each replica, at the end of a history, that show which replicas still get calls."""

INTERVALS = 3
"""Ejection sweeps after which a replica that fails each call must have been ejected once."""


def _failing(case: Case) -> list[str]:
    """Return the replicas that failed every attempt that was planned to fail anywhere."""
    planned = [attempt for attempt in case.attempts if "~" in attempt.id]
    good = {attempt.replica for attempt in planned if attempt.code == "OK"}
    return sorted({attempt.replica for attempt in planned} - good)


def _absences(case: Case, name: str) -> list[float]:
    base = seconds(case.settings_of(POLICY).get("baseEjectionTime", "30s"))
    trail = [(attempt.at, attempt.replica) for attempt in case.attempts]
    return absences(trail, name, over=len(case.replicas), longer_than=base / 2)


def not_ejected(case: Case) -> Finding | None:
    """A replica failed each call and kept getting its share."""
    failing = _failing(case)
    if not case.settings_of(POLICY) or len(failing) != 1 or _absences(case, failing[0]):
        return None
    (name,) = failing
    attempts = [attempt for attempt in case.attempts if attempt.replica == name]
    lasted = attempts[-1].at - attempts[0].at
    still = name in {attempt.replica for attempt in case.attempts[-ROUNDS * len(case.replicas) :]}
    if not still or lasted < INTERVALS * seconds(case.settings_of(POLICY).get("interval", "10s")):
        return None
    seen = f"{name} failed {len(attempts)} of {many(len(attempts), 'call')} in {lasted:.1f} s and still got its share"
    because = f"outliers should be looked for every {case.settings_of(POLICY).get('interval', '10s')}"
    return likely("not_ejected", seen, because)


def constant_ejection(case: Case) -> Finding | None:
    """Most ejections lasted no longer than the first one; a stall of the machine can prolong one."""
    settings = case.settings_of(POLICY)
    base, interval = seconds(settings.get("baseEjectionTime", "30s")), seconds(settings.get("interval", "10s"))
    for name in _failing(case) if settings else ():
        gaps, longer = sorted(_absences(case, name)), 1.5 * base + interval / 2
        if len(gaps) > 1 and gaps[len(gaps) // 2] < longer:
            seen = f"{name} was without calls {len(gaps)} times, for {', '.join(f'{gap:.2f}' for gap in gaps)} s"
            because = f"the ejection after one of {base:g} s should last twice as long, as it kept failing"
            return (certain if gaps[-1] < longer else likely)("constant_ejection_time", seen, because)
    return None


def uncapped_ejection(case: Case) -> Finding | None:
    """An ejection lasted longer than the configured maximum, and the sweeps that it may wait for."""
    settings = case.settings_of(POLICY)
    base, interval = seconds(settings.get("baseEjectionTime", "30s")), seconds(settings.get("interval", "10s"))
    most = max(base, seconds(settings.get("maxEjectionTime", "300s")))
    for name in _failing(case) if settings else ():
        gaps = _absences(case, name)
        if max(gaps, default=0.0) > most + INTERVALS * interval:
            seen = f"{name} was without calls {many(len(gaps), 'time')}, for {max(gaps):.2f} s at most"
            return likely("uncapped_ejection_time", seen, f"maxEjectionTime is {most:g} s; calls may have been few")
    return None


def too_many_ejected(case: Case) -> Finding | None:
    """More replicas are without calls than may be ejected."""
    settings, failing = case.settings_of(POLICY), _failing(case)
    few = ROUNDS * len(case.replicas)
    if not settings or len(case.attempts) < 2 * few:
        return None
    latest = {attempt.replica for attempt in case.attempts[-few:]}
    ejected = sorted(set(failing) - latest)
    enforced = settings.get("failurePercentageEjection", {}).get("enforcementPercentage", 100)
    if ejected and not enforced:
        seen = f"{', '.join(ejected)} failed each call and got none of the last ones; enforcementPercentage is 0"
        return certain("ejects_when_disabled", seen, "the others got their calls")
    most = settings.get("maxEjectionPercent", 10)
    # one more than the limit allows, as it is checked before each ejection
    if len(ejected) < 2 or 100 * (len(ejected) - 1) / len(case.replicas) < most:
        return None
    seen = f"{', '.join(ejected)} got none of the last calls, {len(ejected)} of {len(case.replicas)} replicas; "
    seen += f"{most} % may be ejected"
    return certain("ejects_too_many", seen, "the remaining replicas get all calls")


def connection_dropped(case: Case) -> Finding | None:
    """The connection of a failing replica was closed, although nothing was done to the replica."""
    failing = _failing(case)
    failed = {attempt.peer for attempt in case.attempts if attempt.replica in failing}
    lasted = [
        (connection.replica, connection.closed - connection.opened)
        for connection in case.history.connections
        if connection.peer in failed and connection.closed is not None
    ]
    if not case.settings_of(POLICY) or case.faults or not lasted:
        return None
    seen = f"the connection to {lasted[0][0]}, which had failed calls, was closed after {lasted[0][1]:.1f} s"
    return certain("connection_dropped", seen, "nothing was done to the replica")


def spread(case: Case) -> Finding | None:
    """Calls went to several replicas, although pick_first is the policy below outlier detection."""
    below = [name for policy in case.settings_of(POLICY).get("childPolicy", []) for name in policy]
    if below[:1] != ["pick_first"] or case.faults or len({attempt.replica for attempt in case.attempts}) < 2:
        return None
    seen = f"{len(case.attempts)} attempts were spread {tally(attempt.replica for attempt in case.attempts)}"
    because = "nothing was done to a replica, and pick_first never leaves one that is connected"
    return certain("not_pick_first", seen, because)
