"""Why a replica that fails is not ejected, or not for as long as it should be (gRFC A50)."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, tally
from tests.harness.judges.outliers import absences
from tests.harness.subject.service_configs import seconds

POLICY = "outlier_detection_experimental"

ROUNDS = 4
"""Attempts for each replica, at the end of a history, that show who still gets calls."""

INTERVALS = 3
"""Looks for outliers after which a replica that fails each call must have been ejected once."""


def _failing(case: Case) -> list[str]:
    """Return the replicas that failed every attempt that was planned to fail anywhere."""
    planned = [each for each in case.attempts if "~" in each.id]
    good = {each.replica for each in planned if each.code == "OK"}
    return sorted({each.replica for each in planned} - good)


def _absences(case: Case, name: str) -> list[float]:
    base = seconds(case.settings_of(POLICY).get("baseEjectionTime", "30s"))
    trail = [(each.at, each.replica) for each in case.attempts]
    return absences(trail, name, over=len(case.replicas), longer_than=base / 2)


def not_ejected(case: Case) -> Finding | None:
    """A replica failed each call and went on getting its share."""
    failing = _failing(case)
    if not case.settings_of(POLICY) or len(failing) != 1 or _absences(case, failing[0]):
        return None
    (name,) = failing
    its = [each for each in case.attempts if each.replica == name]
    lasted = its[-1].at - its[0].at
    still = name in {each.replica for each in case.attempts[-ROUNDS * len(case.replicas) :]}
    if not still or lasted < INTERVALS * seconds(case.settings_of(POLICY).get("interval", "10s")):
        return None
    seen = f"{name} failed {len(its)} of {many(len(its), 'call')} in {lasted:.1f} s and still got its share"
    return likely(
        "not_ejected", seen, f"it was looked for outliers every {case.settings_of(POLICY).get('interval', '10s')}"
    )


def constant_ejection(case: Case) -> Finding | None:
    """No ejection lasted longer than the first one."""
    base = seconds(case.settings_of(POLICY).get("baseEjectionTime", "30s"))
    for name in _failing(case) if case.settings_of(POLICY) else ():
        gaps = _absences(case, name)
        if len(gaps) > 1 and max(gaps) < 1.5 * base + seconds(case.settings_of(POLICY).get("interval", "10s")) / 2:
            seen = f"{name} was without calls {len(gaps)} times, for {', '.join(f'{gap:.2f}' for gap in gaps)} s"
            return certain(
                "constant_ejection_time", seen, f"after {base:g} s comes twice as long, as it went on failing"
            )
    return None


def too_many_ejected(case: Case) -> Finding | None:
    """More replicas are without calls than may be ejected."""
    settings, failing = case.settings_of(POLICY), _failing(case)
    few = ROUNDS * len(case.replicas)
    if not settings or len(case.attempts) < 2 * few:
        return None
    latest = {each.replica for each in case.attempts[-few:]}
    gone = sorted(set(failing) - latest)
    enforced = settings.get("failurePercentageEjection", {}).get("enforcementPercentage", 100)
    if gone and not enforced:
        seen = f"{', '.join(gone)} failed each call and got none of the last ones; enforcementPercentage is 0"
        return certain("ejects_when_disabled", seen, "the others got their calls")
    most = settings.get("maxEjectionPercent", 10)
    # one more than the limit says, as it is looked at before each ejection
    if len(gone) < 2 or 100 * (len(gone) - 1) / len(case.replicas) < most:
        return None
    seen = f"{', '.join(gone)} got none of the last calls, {len(gone)} of {len(case.replicas)}; {most} % may be ejected"
    return certain("ejects_too_many", seen, "those that are left get all calls")


def connection_dropped(case: Case) -> Finding | None:
    """The connection of a replica that failed was closed, though nobody did the replica any harm."""
    failed = {each.peer for each in case.attempts if each.replica in _failing(case)}
    lasted = [
        (each.replica, each.closed - each.opened)
        for each in case.history.connections
        if each.peer in failed and each.closed is not None
    ]
    if not case.settings_of(POLICY) or case.faults or not lasted:
        return None
    seen = f"the connection to {lasted[0][0]}, which had failed calls, was closed after {lasted[0][1]:.1f} s"
    return certain("connection_dropped", seen, "nothing was done to the replica")


def spread(case: Case) -> Finding | None:
    """Calls went to several replicas, though pick_first is the policy below outlier detection."""
    below = [name for policy in case.settings_of(POLICY).get("childPolicy", []) for name in policy]
    if below[:1] != ["pick_first"] or case.faults or len({each.replica for each in case.attempts}) < 2:
        return None
    seen = f"{len(case.attempts)} attempts were spread {tally(each.replica for each in case.attempts)}"
    return certain(
        "not_pick_first", seen, "nothing was done to a replica, and pick_first leaves none that is connected"
    )
