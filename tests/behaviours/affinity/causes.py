"""Why orders of one customer do not meet one replica, or move when another replica is lost (gRFC A42, A76)."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, tally
from tests.harness.evidence.history import Call
from tests.harness.judges.affinity import customer_of, homes, moved, scattered
from tests.harness.subject.service_configs import policy_of
from tests.harness.world.tally import rotation_faults

POLICIES = ("ring_hash_experimental", "ring_hash")

FEW = 12
"""Fewer calls than this show neither a rotation nor that all hash to one replica."""


def _asked(case: Case) -> bool:
    return policy_of(case.given.get("GRPC_SERVICE_CONFIG", "{}")) in POLICIES


def _server(call: Call) -> str | None:
    return next((each.replica for each in reversed(call.attempts) if each.code == "OK"), None)


def _calls(case: Case, since: float, until: float) -> list[Call]:
    """Return the calls of customers that a replica answered, of those placed in this time."""
    calls = [call for call in case.calls if since <= call.sent < until and customer_of(call.id)]
    return [call for call in calls if _server(call)]


def scattered_customers(case: Case) -> Finding | None:
    """Orders of one customer met several replicas: in turn, or by chance."""
    lost = min((each.asked for each in case.faults), default=float("inf"))
    calls = _calls(case, case.began, lost)
    found = homes((call.id, _server(call)) for call in calls)
    several = scattered(found)
    if not _asked(case) or not several or len(calls) < FEW:
        return None
    served = [_server(call) for call in calls]
    spread = f"{len(calls)} calls were spread {tally(map(str, served))}"
    seen = f"{len(several)} of {many(len(found), 'customer')} met several replicas; {spread}"
    if not rotation_faults(served, case.replicas, restarts=1):
        return certain("not_ring_hash", f"{seen}, in turn", "a hash knows no turn")
    return likely("no_hash_key", f"{seen}, in no order", "a policy that picks at random would look the same")


def different_ring(case: Case) -> Finding | None:
    """Each customer met one replica; asked where it is judged which one, and then it is not the one that is due."""
    calls = _calls(case, case.began, float("inf"))
    found = homes((call.id, _server(call)) for call in calls)
    if not _asked(case) or case.faults or len(calls) < FEW or scattered(found):
        return None
    met = len(set().union(*found.values()))
    seen = f"each of {many(len(found), 'customer')} met one replica, {met} of {len(case.replicas)} in all"
    return likely(
        "different_hash_ring", f"{seen}, and not those that a ring has for them", "any other hash would look the same"
    )


def eager(case: Case) -> Finding | None:
    """One customer's calls opened connections to replicas that none of them hashes to."""
    calls = _calls(case, case.began, float("inf"))
    used = {_server(call) for call in calls}
    others = sorted({each.replica for each in case.connections if each.opened >= case.born} - used)
    customers = {customer_of(call.id) for call in calls}
    if not _asked(case) or len(customers) != 1 or not (others or len(used) > 1):
        return None
    opened = len({each.replica for each in case.connections if each.opened >= case.born})
    seen = f"{many(len(calls), 'call')} of one customer opened connections to {many(opened, 'replica')}"
    return likely("not_ring_hash", seen, "calls without the key that is hashed would look the same")


def rehashed(case: Case) -> Finding | None:
    """Customers of the replicas that are left moved, too, when one was lost."""
    lost = case.faults_of("kill", "stop")
    if not _asked(case) or not lost:
        return None
    since = lost[0].confirmed or lost[0].asked
    before = homes((call.id, _server(call)) for call in _calls(case, case.began, lost[0].asked))
    after = homes((call.id, _server(call)) for call in _calls(case, since, float("inf")))
    stayed = [name for name, replicas in before.items() if lost[0].on not in replicas and name in after]
    gone = [name for name in moved(before, after, lost[0].on) if name in after]
    if len(gone) < len(stayed) / 4 or not gone or scattered(before):
        return None
    seen = f"when {lost[0].on} was lost, {len(gone)} of {len(stayed)} customers of the other replicas moved"
    return certain("rehashed", seen, "on a ring only the customers of the lost one move")


def one_key(case: Case) -> Finding | None:
    """Calls that carry no key all met one replica."""
    calls = [call for call in case.calls if not customer_of(call.id) and _server(call)]
    used = {_server(call) for call in calls}
    if not _asked(case) or "HASH_HEADER" in case.given or len(calls) < FEW or len(used) != 1 or case.faults:
        return None
    seen = f"{len(calls)} of {len(calls)} calls without a key went to {used.pop()}"
    return likely("one_hash_key", seen, "each such call is to get a random hash")
