"""Why a customer's orders do not stay on one replica, or move when a different replica is lost (gRFC A42, A76)."""

from tests.harness.causes.case import Case, Finding, certain, likely, many, tally
from tests.harness.evidence.history import Call
from tests.harness.judges.affinity import customer_of, homes, moved, scattered
from tests.harness.subject.service_configs import policy_of
from tests.harness.world.tally import rotation_faults

POLICIES = ("ring_hash_experimental", "ring_hash")

FEW = 12
"""Fewer calls than this show neither a rotation nor that all of them hash to one replica."""


def _configured(case: Case) -> bool:
    """Say whether the gateway was given a service config with ring_hash."""
    return policy_of(case.given.get("GRPC_SERVICE_CONFIG", "{}")) in POLICIES


def _server(call: Call) -> str | None:
    return next((attempt.replica for attempt in reversed(call.attempts) if attempt.code == "OK"), None)


def _calls(case: Case, since: float, until: float) -> list[Call]:
    """Return the calls of customers that a replica answered, of those placed in this time."""
    calls = [call for call in case.calls if since <= call.sent < until and customer_of(call.id)]
    return [call for call in calls if _server(call)]


def scattered_customers(case: Case) -> Finding | None:
    """Orders of one customer reached several replicas: in turn, or at random."""
    lost = min((fault.asked for fault in case.faults), default=float("inf"))
    calls = _calls(case, case.began, lost)
    found = homes((call.id, _server(call)) for call in calls)
    several = scattered(found)
    if not _configured(case) or not several or len(calls) < FEW:
        return None
    served = [_server(call) for call in calls]
    spread = f"{len(calls)} calls were spread {tally(map(str, served))}"
    seen = f"{len(several)} of {many(len(found), 'customer')} reached several replicas; {spread}"
    if not rotation_faults(served, case.replicas, restarts=1):
        return certain("not_ring_hash", f"{seen}, in turn", "a hash does not rotate")
    return likely("no_hash_key", f"{seen}, in no order", "a policy that picks at random would look the same")


def different_ring(case: Case) -> Finding | None:
    """Each customer reached one replica. It runs where the behaviour judges which one, so it was the wrong one."""
    calls = _calls(case, case.began, float("inf"))
    found = homes((call.id, _server(call)) for call in calls)
    if not _configured(case) or case.faults or len(calls) < FEW or scattered(found):
        return None
    used = len(set().union(*found.values()))
    seen = f"each of {many(len(found), 'customer')} reached one replica, {used} of {len(case.replicas)} in total"
    because = "any other hash would look the same"
    return likely("different_hash_ring", f"{seen}, but not the ones that the ring assigns to them", because)


def eager(case: Case) -> Finding | None:
    """One customer's calls opened connections to replicas that none of them hashes to."""
    calls = _calls(case, case.began, float("inf"))
    used = {_server(call) for call in calls}
    others = sorted({connection.replica for connection in case.connections if connection.opened >= case.born} - used)
    customers = {customer_of(call.id) for call in calls}
    if not _configured(case) or len(customers) != 1 or not (others or len(used) > 1):
        return None
    opened = len({connection.replica for connection in case.connections if connection.opened >= case.born})
    seen = f"{many(len(calls), 'call')} of one customer opened connections to {many(opened, 'replica')}"
    return likely("not_ring_hash", seen, "calls without the hash key would look the same")


def rehashed(case: Case) -> Finding | None:
    """When a replica was lost, customers of the remaining replicas moved too."""
    lost = case.faults_of("kill", "stop")
    if not _configured(case) or not lost:
        return None
    since = lost[0].confirmed or lost[0].asked
    before = homes((call.id, _server(call)) for call in _calls(case, case.began, lost[0].asked))
    after = homes((call.id, _server(call)) for call in _calls(case, since, float("inf")))
    stayed = [name for name, replicas in before.items() if lost[0].on not in replicas and name in after]
    left = [name for name in moved(before, after, lost[0].on) if name in after]
    if len(left) < len(stayed) / 4 or not left or scattered(before):
        return None
    seen = f"when {lost[0].on} was lost, {len(left)} of {len(stayed)} customers of the other replicas moved"
    return certain("rehashed", seen, "on a ring, only the customers of the lost replica move")


def one_key(case: Case) -> Finding | None:
    """Calls without a key all reached one replica."""
    calls = [call for call in case.calls if not customer_of(call.id) and _server(call)]
    used = {_server(call) for call in calls}
    if not _configured(case) or "HASH_HEADER" in case.given or len(calls) < FEW or len(used) != 1 or case.faults:
        return None
    seen = f"{len(calls)} of {len(calls)} calls without a key went to {used.pop()}"
    return likely("one_hash_key", seen, "each such call should get a random hash")
