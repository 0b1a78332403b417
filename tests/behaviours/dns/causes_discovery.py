"""Why the gateway does not learn of replicas that were added, removed or moved, or re-resolves for no reason."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, said, times, undecided
from tests.harness.causes.rules import general
from tests.harness.evidence.history import AskedVerb

_RE_RESOLVES = "whether the gateway re-resolves: its own log, or a run where the DNS server is ours"

_WHEN = "whether it re-resolves once all connections are lost, and how long after the last query in a longer run"

LOSSES = ("kill", "stop", "replace", "restart", "disconnect", "pause")


def _moves(case: Case) -> list[AskedVerb]:
    """Return what made new addresses: replicas added, replaced, or started elsewhere."""
    return [
        fault
        for fault in case.faults_of("scale", "replace", "restart", "start", "roll out")
        if fault.verb in {"scale", "replace", "roll out"} or fault.members.get("moved")
    ]


@general(330)
def stale_records(case: Case) -> Finding | None:
    """The gateway re-resolved after addresses had changed, and no answer held one of the new ones."""
    published = [event for event in case.history.of_kind("published") if event.members["addresses"]]
    moved = [event for event in published if event.at > case.began]
    if not case.answers or not moved or not _moves(case):
        return None
    before = [event for event in published if event.at <= case.began]
    new = set(moved[-1].members["addresses"]) - {address for event in before for address in event.members["addresses"]}
    late = [query for query in case.answers if query.at > moved[-1].at and query.answer]
    if not new or not late or any(new & set(query.answer) for query in late):
        return None
    seen = f"the gateway queried DNS {times(len(late))} after {said(_moves(case)[-1])}, and got only old addresses"
    return certain("stale_dns_records", seen, "its queries and the answers are on record")


@general(335)
def never_resolved(case: Case) -> Finding | None:
    """The gateway needs addresses and never queried any."""
    if case.answers is None or case.answers or not (_moves(case) or case.faults_of(*LOSSES)):
        return None
    change = (_moves(case) or case.faults)[0]
    seen = (
        f"the gateway has not queried DNS once since it started, not even in the {case.ended - change.asked:.1f} s "
        f"after {said(change)}"
    )
    return certain("address_list", seen, "a name would have been resolved, at the first call at the latest")


@general(340)
def not_re_resolved(case: Case) -> Finding | None:
    """The gateway had resolved its name, and did not re-resolve when it lost a connection."""
    moves, lost = _moves(case), case.faults_of(*LOSSES)
    returned = [fault for fault in case.faults_of("start", "restart") if not fault.members.get("moved")]
    if not case.answers or not (moves or (lost and not returned)):
        return None
    published = [event.at for event in case.history.of_kind("published") if event.at > case.began]
    # a connection is lost with the GOAWAY of a replica that stops, long before its process has exited
    since, asked = (published[-1],) * 2 if moves and published else (lost[0].confirmed or 0.0, lost[0].asked)
    interval = case.promises.min_resolution_interval
    if finding := _when_all_are_lost(case):
        return finding
    if any(query.at > asked for query in case.answers) or case.ended - since < interval:
        return None
    change = (moves or lost)[-1]
    seen = (
        f"the gateway had queried DNS {times(len(case.answers))}, and did not re-resolve in the "
        f"{case.ended - since:.1f} s after {said(change)}"
    )
    return _too_late(case, seen, some_left=bool(lost) and not _all_lost(case))


def _too_late(case: Case, seen: str, *, some_left: bool) -> Finding:
    """Return why no query came; while some connections are left, it may be waiting for the loss of all."""
    if some_left:
        return undecided(("long_resolution_interval", "resolves_when_all_are_lost"), seen, _WHEN)
    interval = case.promises.min_resolution_interval
    because = f"the promised minimum re-resolution interval is {interval:g} s; a longer run would show the real one"
    return likely("long_resolution_interval", seen, because)


def _all_lost(case: Case) -> float | None:
    """Return when no replica was left that had been there when judging began; None while there was one."""
    left = set(case.replicas)
    for fault in case.faults_of(*LOSSES):
        left = set() if fault.verb == "restart" else left - {fault.on}
        if not left:
            return fault.asked
    return None


def _when_all_are_lost(case: Case) -> Finding | None:
    """Tell whether the first query after a loss came when nothing was left, although others were lost long before."""
    first, last = min((fault.asked for fault in case.faults_of(*LOSSES)), default=0.0), _all_lost(case)
    interval = case.promises.min_resolution_interval
    later = [query.at for query in case.answers or () if query.at > first]
    if last is None or not later or later[0] < last or last - first < 2 * interval:
        return None
    seen = f"the gateway did not re-resolve in the {last - first:.1f} s after its first loss, and did "
    seen += f"{later[0] - last:.1f} s after it had lost all connections"
    return likely("resolves_when_all_are_lost", seen, "a minimum interval that ended just then would look the same")


@general(342)
def not_re_resolved_after_a_cut(case: Case) -> Finding | None:
    """A replica closed a connection, as an order planned, and no query came within the promised interval."""
    cuts = [attempt.at for attempt in case.attempts if "CLOSE" in attempt.id.partition("~")[2] and attempt.code != "OK"]
    interval = case.promises.min_resolution_interval
    end = max([case.history.events[-1].at, case.ended])
    if not case.answers or not cuts or end - cuts[0] < interval or any(query.at > cuts[0] for query in case.answers):
        return None
    seen = (
        f"a replica closed a connection, and the gateway did not re-resolve in the {end - cuts[0]:.1f} s after that; "
        f"it had queried DNS {times(len(case.answers))}"
    )
    return _too_late(case, seen, some_left=len({attempt.replica for attempt in case.attempts}) > 1)


@general(345)
def new_replica_unused(case: Case) -> Finding | None:
    """A replica at a new address got no call, and the DNS queries cannot be seen."""
    moves = _moves(case)
    if case.answers is not None or not moves:
        return None
    since = moves[-1].confirmed or 0.0
    came = {event.members["replica"] for event in case.history.of_kind("replica serving") if event.at > case.began}
    ended = {fault.on for fault in case.faults_of("kill", "stop") if fault.asked > moves[-1].asked}
    unused = sorted(came - ended - {attempt.replica for attempt in case.attempts if attempt.at > since})
    if not unused or case.ended - since < case.promises.min_resolution_interval:
        return None
    calls = [call for call in case.calls if call.sent > since]
    seen = f"{', '.join(unused)} got none of the {len(calls)} calls in the {case.ended - since:.1f} s "
    seen += f"after {said(moves[-1])}"
    found = came & {attempt.replica for attempt in case.attempts if attempt.replica not in case.replicas}
    if found:
        because = f"{', '.join(sorted(found))} was added earlier and found, so the target is a name"
        return certain("long_resolution_interval", seen, because)
    return undecided(("address_list", "long_resolution_interval"), seen, _RE_RESOLVES)


@general(350)
def unlisted_replica_used(case: Case) -> Finding | None:
    """A replica that is not ready, and so not listed, kept getting calls although other connections were closed."""
    taken, lost = case.faults_of("take readiness", "fail probe"), case.faults_of("scale")
    ages = "MAX_CONNECTION_AGE_MS" in case.world
    if case.answers is not None or not taken or not (ages or lost):
        return None
    since, name = (taken if ages else lost)[0].confirmed or 0.0, taken[0].on
    until = min((fault.asked for fault in case.faults_of("give readiness")), default=case.ended)
    late = [
        attempt
        for attempt in case.attempts
        if attempt.replica == name and since + case.promises.min_resolution_interval < attempt.at < until
    ]
    if not late:
        return None
    age = case.world.get("MAX_CONNECTION_AGE_MS")
    why = (
        f"although replicas close connections after {age} ms"
        if age
        else "although another replica was removed before that"
    )
    seen = (
        f"{name} was no longer listed, and {many(len(late), 'attempt')} went to it up to "
        f"{late[-1].at - since:.1f} s later, {why}"
    )
    return undecided(("address_list", "long_resolution_interval"), seen, _RE_RESOLVES)


def called_after_scaling(case: Case) -> Finding | None:
    """A replica that was added got calls while nothing was lost, and the DNS queries cannot be seen."""
    added = case.faults_of("scale", "start")
    if case.answers is not None or not added:
        return None
    since = added[-1].confirmed or 0.0
    lost = min((fault.asked for fault in case.faults_of(*LOSSES) if fault.asked > since), default=case.ended)
    known = {attempt.replica for attempt in case.attempts if attempt.at <= added[-1].asked}
    new = [
        attempt
        for attempt in case.attempts
        if since < attempt.at < lost and (attempt.replica not in known or attempt.replica == added[-1].on)
    ]
    if not new:
        return None
    seen = f"{new[0].replica} got a call {new[0].at - since:.2f} s after {said(added[-1])}"
    if age := case.world.get("MAX_CONNECTION_AGE_MS"):
        because = "a connection that ends is a reason to re-resolve"
        return certain("connection_age_limit", f"{seen}; the replicas close connections after {age} ms", because)
    nothing_lost = "although nothing was stopped or cut since"
    because = "a query that an earlier loss triggered, and a long interval delayed, would look the same"
    return likely("polling", f"{seen}, {nothing_lost}", because)


def resolved_after_scaling(case: Case) -> Finding | None:
    """The gateway re-resolved although it had lost nothing, or because its connections end by age."""
    added = case.faults_of("scale")
    if not added or not case.answers or case.faults_of(*LOSSES):
        return None
    since = added[0].confirmed or 0.0
    queries = [query for query in case.answers if query.at > since]
    if not queries:
        return None
    seen = f"the gateway queried DNS {times(len(queries))} within {queries[-1].at - since:.2f} s "
    seen += "after a replica was added"
    if age := case.world.get("MAX_CONNECTION_AGE_MS"):
        because = "a connection that ends is a reason to re-resolve"
        return certain("connection_age_limit", f"{seen}; the replicas close connections after {age} ms", because)
    because = "a gateway that closes its connections by itself would look the same"
    nothing_lost = "although no replica was stopped, and no connection was cut or aged"
    return likely("polling", f"{seen}, {nothing_lost}", because)


def used_after_scaling(case: Case) -> Finding | None:
    """An added replica got calls although nothing was lost, or connections end by age; queries cannot be seen."""
    added = case.faults_of("scale")
    early = [attempt for attempt in case.attempts if attempt.replica not in case.replicas]
    if case.answers is not None or not added or not early or case.faults_of(*LOSSES):
        return None
    seen = f"{early[0].replica} was added, and got {many(len(early), 'attempt')}"
    if age := case.world.get("MAX_CONNECTION_AGE_MS"):
        because = "a connection that ends is a reason to re-resolve"
        return certain("connection_age_limit", f"{seen}; the replicas close connections after {age} ms", because)
    because = "a gateway that closes its connections by itself would look the same"
    return likely("polling", f"{seen}, although no replica was stopped, and no connection was cut or aged", because)
