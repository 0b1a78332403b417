"""Why the gateway does not learn of replicas that came, went or moved, or asks when nothing made it."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, said, undecided
from tests.harness.causes.rules import general
from tests.harness.evidence.history import AskedVerb

_ASKS = "whether the gateway asks the name server again: its own log, or a run where the name server is ours"

LOSSES = ("kill", "stop", "replace", "restart", "disconnect", "pause")


def _moves(case: Case) -> list[AskedVerb]:
    """Return what made new addresses: replicas added, replaced, or started elsewhere."""
    return [
        each
        for each in case.faults_of("scale", "replace", "restart", "start", "roll out")
        if each.verb in {"scale", "replace", "roll out"} or each.members.get("moved")
    ]


@general(330)
def stale_records(case: Case) -> Finding | None:
    """The gateway asked after addresses had changed, and no answer held one of the new ones."""
    published = [event for event in case.history.of_kind("published") if event.members["addresses"]]
    moved = [event for event in published if event.at > case.began]
    if not case.answers or not moved or not _moves(case):
        return None
    before = [event for event in published if event.at <= case.began]
    new = set(moved[-1].members["addresses"]) - {one for event in before for one in event.members["addresses"]}
    late = [query for query in case.answers if query.at > moved[-1].at and query.answer]
    if not new or not late or any(new & set(query.answer) for query in late):
        return None
    seen = (
        f"the gateway asked the name server {many(len(late), 'time')} after {said(_moves(case)[-1])}, and was answered "
        "with old addresses each time"
    )
    return certain("stale_dns_records", seen, "its questions and the answers are on record")


@general(335)
def never_resolved(case: Case) -> Finding | None:
    """The gateway needs addresses and never asked for any."""
    if case.answers is None or case.answers or not (_moves(case) or case.faults_of(*LOSSES)):
        return None
    what = (_moves(case) or case.faults)[0]
    seen = (
        f"the gateway has not asked the name server once since it started, nor in the {case.ended - what.asked:.1f} s "
        f"after {said(what)}"
    )
    return certain("address_list", seen, "a name would have been asked for, at least at the first call")


@general(340)
def not_re_resolved(case: Case) -> Finding | None:
    """The gateway had asked, and did not ask again when it lost a connection."""
    moves, lost = _moves(case), case.faults_of(*LOSSES)
    returned = [each for each in case.faults_of("start", "restart") if not each.members.get("moved")]
    if not case.answers or not (moves or (lost and not returned)):
        return None
    published = [event.at for event in case.history.of_kind("published") if event.at > case.began]
    since = published[-1] if moves and published else lost[0].confirmed or 0.0
    floor = case.promises.min_resolution_interval
    if any(query.at > since for query in case.answers) or case.ended - since < floor:
        return None
    what = (moves or lost)[-1]
    seen = (
        f"the gateway had asked the name server {many(len(case.answers), 'time')}, and not again in the "
        f"{case.ended - since:.1f} s after {said(what)}"
    )
    return likely(
        "long_resolution_interval",
        seen,
        f"the promised floor is {floor:g} s; how long the real one is, a longer run would tell",
    )


@general(345)
def new_replica_unused(case: Case) -> Finding | None:
    """A replica at a new address got no call, and whether anybody asked for it cannot be seen."""
    moves = _moves(case)
    if case.answers is not None or not moves:
        return None
    since = moves[-1].confirmed or 0.0
    came = {each.members["replica"] for each in case.history.of_kind("replica serving") if each.at > case.began}
    gone = {each.on for each in case.faults_of("kill", "stop") if each.asked > moves[-1].asked}
    unused = sorted(came - gone - {each.replica for each in case.attempts if each.at > since})
    if not unused or case.ended - since < case.promises.min_resolution_interval:
        return None
    calls = [call for call in case.calls if call.sent > since]
    seen = (
        f"{', '.join(unused)} got none of the {len(calls)} calls of the {case.ended - since:.1f} s "
        f"after {said(moves[-1])}"
    )
    return undecided(("address_list", "long_resolution_interval"), seen, _ASKS)


@general(350)
def unlisted_replica_used(case: Case) -> Finding | None:
    """A replica that is not ready, and so not listed, went on getting calls over connections that were renewed."""
    taken = case.faults_of("take readiness")
    if case.answers is not None or not taken or "MAX_CONNECTION_AGE_MS" not in case.world:
        return None
    since, name = taken[0].confirmed or 0.0, taken[0].on
    until = min((each.asked for each in case.faults_of("give readiness")), default=case.ended)
    late = [
        each
        for each in case.attempts
        if each.replica == name and since + case.promises.min_resolution_interval < each.at < until
    ]
    if not late:
        return None
    age = case.world["MAX_CONNECTION_AGE_MS"]
    seen = (
        f"{name} was not listed any more, and {many(len(late), 'attempt')} went to it up to "
        f"{late[-1].at - since:.1f} s after, though replicas end connections after {age} ms"
    )
    return undecided(("address_list", "long_resolution_interval"), seen, _ASKS)


def resolved_after_scaling(case: Case) -> Finding | None:
    """The gateway asked though nothing had been taken from it, or because its connections end by age."""
    added = case.faults_of("scale")
    if not added or not case.answers or case.faults_of(*LOSSES):
        return None
    since = added[0].confirmed or 0.0
    asked = [query for query in case.answers if query.at > since]
    if not asked:
        return None
    seen = f"the gateway asked {many(len(asked), 'time')} within {asked[-1].at - since:.2f} s after a replica was added"
    if age := case.world.get("MAX_CONNECTION_AGE_MS"):
        because = "a connection that ends is a reason to ask"
        return certain("connection_age_limit", f"{seen}; the replicas end connections after {age} ms", because)
    because = "a gateway that closes its connections by itself would look the same"
    return likely("polling", f"{seen}, though nothing was stopped, cut or aged", because)
