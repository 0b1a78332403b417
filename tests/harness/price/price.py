"""
What one behaviour cost its callers, whether it holds or not: lost calls, the worst outage, how long replicas waited.

Rule 1: only what a replica could have served is a price (servable.py): neither an order that plans a failure, nor a
call while all replicas were down, or while no gateway was there.
Rule 2: only a gateway that runs as its users have it has one: a configuration of the behaviour's own is left out.
Rule 3: a price is not a verdict. It counts what happened, on a quiet machine or on a busy one.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from services.order.faults import PlanError, parse_order_id
from tests.harness.causes.case import Case
from tests.harness.evidence.history import AskedVerb, Call
from tests.harness.price.servable import Arrival, Servable, own_configuration
from tests.harness.subject.promises import SPREADING
from tests.harness.world.serial import ARRIVALS

PAUSE = 1.0
"""Seconds without a call after which nothing is known: no one was there to be served."""

HELD = 1.0
"""Seconds that a call may wait more than its plan and the subject's promises; one that waits longer was held up."""

FEWEST = 2
"""Calls that make an outage; a single one is a lost call."""

MOST_BEHIND = 5
"""Calls in a row that have to be served, after any number that were not, for an outage to be over."""

NEW_ADDRESS, RETURNED, NAME, SILENT, OTHER = (
    "new address",
    "returned replica",
    "name",
    "silent replica",
    "nothing known",
)
"""What the calls of an outage waited for, as far as the world shows it; the last if it is none of the others."""


@dataclass(frozen=True)
class Outage:
    """
    A time in which fewer calls were served than not, although a replica could serve.

    `at` is when its first call was sent, in seconds since the behaviour began; it lasted `seconds` until its last one
    failed, or was served late. `lost` of its `calls` failed. `waited_for` is what it ended with: a word of those above.
    """

    at: float
    seconds: float
    lost: int
    calls: int
    waited_for: str


@dataclass(frozen=True)
class Found:
    """
    How many `seconds` it took until a `replica` got its first call or connection, since it was there to be found.

    Not `found`: it was not by the last call, so it takes longer than that. `after` is the verb that put it there.
    """

    replica: str
    seconds: float
    found: bool
    after: str


@dataclass(frozen=True)
class Price:
    """
    What a behaviour cost: `lost` of `calls` that a replica could have served.

    Of the lost ones `reached` had an attempt that reached a replica, and was cut or failed there. Of the others the
    deadline of `in_time` came after calls were served again: had they waited for a connection, they could have been
    served. Calls that are known as they arrive are none of them. `discovery` is of an address that is new, `recovery`
    of one that was known.
    """

    calls: int
    lost: int
    reached: int
    in_time: int
    outage: Outage | None = None
    discovery: Found | None = None
    recovery: Found | None = None

    def members(self) -> dict[str, Any]:
        """Return it as report.json has it."""
        return asdict(self)


def price_of(case: Case) -> Price | None:
    """Return what a behaviour cost, None if it shows no call that counts."""
    if not own_configuration(case.history):
        return None
    servable = Servable.of(case.history)
    if case.promises.failures_harm and any(_planned(call, case) for call in case.history.calls):
        return None  # a breaker or a budget that these calls have changed may be why any other fails
    calls = [call for call in case.history.calls if servable.throughout(call.sent, call.received)]
    counted = [call for call in calls if not _planned(call, case)]
    if not counted:
        return None
    if any(event.members["found"] == ARRIVALS for event in case.history.of_kind("correlation")):
        counted = []  # how a call ends is not seen
    lost = [call for call in counted if not call.ok]
    served = sorted(call.received for call in case.history.calls if call.ok)
    outages = list(_outages(counted, case, servable))
    found = list(_found(case, servable))
    return Price(
        calls=len(counted),
        lost=len(lost),
        reached=sum(bool(call.attempts) for call in lost),
        in_time=sum(_served_in_time(call, served, case.promises.call_timeout) for call in lost if not call.attempts),
        outage=max(outages, key=lambda outage: outage.seconds, default=None),
        discovery=_slowest(one for arrival, one in found if arrival.new),
        recovery=_slowest(one for arrival, one in found if not arrival.new),
    )


def _planned(call: Call, case: Case) -> bool:
    """Say whether a plan has an attempt fail, commit early, or take so long that it may not be made twice."""
    _, tilde, _ = call.id.partition("~")
    if not tilde:
        return False
    try:
        steps = parse_order_id(call.id).steps
    except PlanError:
        return True
    within = case.promises.attempt_timeout
    return any(
        step.hang or step.close or step.code is None or step.code.name != "OK" or step.headers or step.messages
        for step in steps
    ) or (within > 0 and 2 * max(step.delay for step in steps) >= within)


def _delay(call: Call) -> float:
    return sum(step.delay for step in parse_order_id(call.id).steps) * max(1, len(call.attempts))


def _held(call: Call, case: Case) -> bool:
    """Say whether a call was served, and so late that its caller was without service for that time."""
    allowed = HELD + case.promises.overhead + case.promises.start_within + case.promises.longest_backoffs
    return call.ok and call.received - call.sent > _delay(call) + allowed


def _outages(calls: Sequence[Call], case: Case, servable: Servable) -> Iterator[Outage]:
    """
    Yield each run of calls of which more were not served in time than were, in every part from its beginning on.

    Each call that is not adds one, up to a most, and each other one takes one away: at none the outage is over.
    """
    run: list[Call] = []
    behind = 0
    answered = float("-inf")
    for call in calls:
        bad = not call.ok or _held(call, case)
        if call.sent > answered + PAUSE:
            yield from _outage(run, case, servable)
            run, behind = [], 0
        answered = max(answered, call.received)
        behind = min(behind + 1, MOST_BEHIND) if bad else max(behind - 1, 0)
        if behind:
            run.append(call)
        else:
            yield from _outage(run, case, servable)
            run = []
    yield from _outage(run, case, servable)


def _outage(run: Sequence[Call], case: Case, servable: Servable) -> Iterator[Outage]:
    """Yield the outage that a run is, up to its last call that was not served in time; none for too few of them."""
    bad = [number for number, call in enumerate(run) if not call.ok or _held(call, case)]
    if len(bad) < FEWEST:
        return
    part = run[bad[0] : bad[-1] + 1]
    since, until = part[0].sent, max(run[number].received for number in bad)
    lost = sum(not call.ok for call in part)
    yield Outage(since, until - since, lost, len(part), _waited_for(case, servable, since, until))


def _waited_for(case: Case, servable: Servable, since: float, until: float) -> str:
    """Return what ended an outage: a replica that was first used about then, a name that was healed, or neither."""
    pending = [arrival.new for arrival in servable.arrivals if _ended_by(case, arrival, since, until)]
    if pending:
        return NEW_ADDRESS if any(pending) else RETURNED
    if any(since - PAUSE <= healed <= until for healed in servable.healed):
        return NAME
    silent = any(begun <= until and since <= ended for begun, ended in servable.silent)
    return SILENT if silent else OTHER


def _ended_by(case: Case, arrival: Arrival, since: float, until: float) -> bool:
    """Say whether an outage lasted until a replica that had come into service was used, or as long as it was not."""
    sign = first_sign(case, arrival)
    if sign is None:
        return since - PAUSE <= arrival.listed <= until
    return arrival.listed <= until and since <= sign <= until + PAUSE


def _found(case: Case, servable: Servable) -> Iterator[tuple[Arrival, Found]]:
    """Yield how long each replica that came into service waited for its first call, as far as that is known."""
    orders = [call.sent for call in case.history.calls]
    for arrival in servable.arrivals:
        again = min((verb.asked for verb in case.history.verbs if _ends(verb, arrival)), default=None)
        sign = first_sign(case, arrival)
        watched = max(orders, default=arrival.listed) if again is None else again
        reason = _reason(case, servable, arrival, sign, watched)
        since = None if reason is None else servable.possible_from(reason)
        if since is None or (again is not None and (sign is None or sign > again)):
            continue
        until = max(since, sign if sign is not None else watched)
        spreads = case.promises.policy in {"round_robin", *SPREADING}
        if (sign is not None or (spreads and until > since)) and _called_throughout(orders, since, until):
            yield arrival, Found(arrival.replica, until - since, sign is not None, arrival.verb)


def _ends(verb: AskedVerb, arrival: Arrival) -> bool:
    """Say whether a verb ended the service that an arrival had begun, or the gateway that was to find it."""
    of_all = {"restart", "fresh gateway", "stop gateway"}
    return verb.asked > arrival.listed and (verb.on == arrival.replica or verb.verb in of_all)


def first_sign(case: Case, arrival: Arrival) -> float | None:
    """Return when the gateway first connected to a replica that came into service, or called it."""
    opened = [one.opened for one in case.history.connections if one.replica == arrival.replica and not one.earlier]
    called = [attempt.at for attempt in case.history.attempts if attempt.replica == arrival.replica]
    return min((at for at in (*opened, *called) if at >= arrival.ready), default=None)


def _reason(case: Case, servable: Servable, arrival: Arrival, sign: float | None, watched: float) -> float | None:
    """
    Return since when a gateway had a reason to find a replica, None if it had none and did not find it.

    A replica that is added while nothing is lost gives none to a client that does not poll: the next lost connection
    does, one that the replica's server closes included.
    """
    if arrival.lost_one or case.promises.refresh_interval:
        return arrival.listed
    until = watched if sign is None else sign
    closed = [one.closed for one in case.history.connections if one.closed is not None]
    lost = [at for at in (*closed, *servable.losses) if arrival.listed <= at <= until]
    return min(lost, default=None if sign is None else arrival.listed)


def _called_throughout(orders: Sequence[float], since: float, until: float) -> bool:
    """Say whether calls were made all the time: without any, a client need not connect."""
    within = orders[bisect_left(orders, since) : bisect_left(orders, until)]
    return all(later - earlier <= PAUSE for earlier, later in pairwise([since, *within, until]))


def _slowest(found: Iterable[Found]) -> Found | None:
    return max(found, key=lambda one: one.seconds, default=None)


def _served_in_time(call: Call, served: Sequence[float], deadline: float) -> bool:
    """Say whether calls were served again after this one had failed, and before its deadline."""
    index = bisect_left(served, call.received)
    return index < len(served) and (not deadline or served[index] < call.sent + deadline)


def of(members: Mapping[str, Any]) -> Price:
    """Return a price by what report.json has."""
    parts = {name: members.get(name) for name in ("outage", "discovery", "recovery")}
    return Price(
        **{name: members[name] for name in ("calls", "lost", "reached", "in_time")},
        outage=Outage(**parts["outage"]) if parts["outage"] else None,
        discovery=Found(**parts["discovery"]) if parts["discovery"] else None,
        recovery=Found(**parts["recovery"]) if parts["recovery"] else None,
    )
