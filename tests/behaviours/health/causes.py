"""Why a gateway ignores what replicas report of their health."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.order.faults import WATCHES_END
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many
from tests.harness.evidence.history import Event, SeenAttempt
from tests.harness.subject.service_configs import SERVICE
from tests.harness.world.replica import SERVING

QUERIED, REPORTS = "replica health_asked", "replica health"


@dataclass(frozen=True)
class Spell:
    """A time in which a replica reported a status other than SERVING, and the names that were watched then."""

    replica: str
    status: str
    since: float
    until: float
    watched: Sequence[str]

    def sent(self, case: Case) -> list[SeenAttempt]:
        """Return the attempts that came in spite of it, once the gateway has had time to notice."""
        return [attempt for attempt in case.attempts if attempt.replica == self.replica and self._holds(attempt.at)]

    def _holds(self, at: float) -> bool:
        return self.since + LATE < at < self.until


def _spells(case: Case) -> list[Spell]:
    """Return every spell since judging began, oldest first."""
    every = [event for event in case.history.of_kind(REPORTS) if event.at >= case.began]
    reports = [event for event in every if event.members["status"] != WATCHES_END]
    found = []
    for replica in {event.members["replica"] for event in reports}:
        of_replica = [event for event in reports if event.members["replica"] == replica]
        for event, until in _with_next(of_replica, case.ended):
            if event.members["status"] != SERVING:
                members = event.members
                found.append(Spell(replica, members["status"], event.at, until, members["watched"]))
    return sorted(found, key=lambda spell: spell.since)


def _with_next(events: Sequence[Event], ended: float) -> Iterator[tuple[Event, float]]:
    """Yield each event and when the next one came, or everything had ended."""
    for event, following in pairwise(events):
        yield event, following.at
    if events:
        yield events[-1], max(ended, events[-1].at)


def _queries(case: Case, by: str) -> list[Event]:
    """Return the health queries that this gateway is seen to have sent."""
    return [event for event in case.history.of_kind(QUERIED) if event.at >= case.born and event.members["by"] == by]


def not_checked(case: Case) -> Finding | None:
    """A replica keeps getting calls regardless of its reports, and no one has queried its health."""
    spells = [spell for spell in _spells(case) if spell.sent(case)]
    if not spells or any(spell.watched for spell in spells) or _queries(case, "Check"):
        return None
    first = spells[0]
    seen = (
        f"{first.replica} reported {first.status} and got {many(len(first.sent(case)), 'more attempt')}; "
        "no client watched its health"
    )
    if case.fresh:
        return certain("no_health_check", seen, "the replicas' ledgers hold every health query")
    return likely("no_health_check", seen, "a Check of this gateway before this behaviour would not be in its history")


def not_checked_by_fresh_gateway(case: Case) -> Finding | None:
    """A fresh gateway has served calls from each replica, and queried the health of none."""
    if not case.fresh or not case.attempts or _queries(case, "Watch") or _queries(case, "Check"):
        return None
    seen = f"{many(len(case.attempts), 'attempt')} reached the replicas, and the health of none was queried"
    return certain("no_health_check", seen, "the replicas' ledgers hold every health query")


def wrong_service_name(case: Case) -> Finding | None:
    """The gateway watches the health of something other than the service that it calls."""
    names = {query.members["service"] for query in _queries(case, "Watch")}
    names |= {name for spell in _spells(case) for name in spell.watched}
    if not names or SERVICE in names:
        return None
    watched = ", ".join(repr(name) for name in sorted(names))
    seen = f"the gateway watched the health of {watched}, and the replicas report that of {SERVICE}"
    return certain("wrong_health_service_name", seen, "the replicas' ledgers hold the name in each query")


def checked_by_hand(case: Case) -> Finding | None:
    """The gateway queries health by Check, connection after connection, where gRPC's own client watches."""
    checks = _queries(case, "Check")
    if not checks or _queries(case, "Watch"):
        return None
    seen = f"the replicas' health was queried by Check, over {many(len(checks), 'connection')}, and not by Watch"
    back = [(name, peers) for name, peers in _peers_after(case).items() if len(peers) > 1]
    if back:
        seen += f"; {back[0][0]} reported SERVING again and got its calls over another connection"
    return certain("own_health_checks", seen, "gRPC's own health checks use only Watch")


def _peers_after(case: Case) -> dict[str, set[str]]:
    """Return the connections that carried calls, for each replica that reported something and never ended."""
    ended = {fault.on for fault in case.faults_of("kill", "stop", "start")}
    return {
        spell.replica: {attempt.peer for attempt in case.attempts if attempt.replica == spell.replica}
        for spell in _spells(case)
        if spell.replica not in ended
    }


def other_status(case: Case) -> Finding | None:
    """A replica whose health is queried reports neither SERVING nor NOT_SERVING, and gets calls nevertheless."""
    spells = [spell for spell in _spells(case) if spell.status != "NOT_SERVING" and spell.sent(case)]
    if not spells or not (_queries(case, "Check") or any(SERVICE in spell.watched for spell in spells)):
        return None
    first = spells[0]
    seen = (
        f"the health of {first.replica} was queried, it reported {first.status} and got "
        f"{many(len(first.sent(case)), 'more attempt')}"
    )
    return certain("other_status_treated_as_serving", seen, "only SERVING means that a replica takes calls (gRFC A17)")


def health_service_required(case: Case) -> Finding | None:
    """A replica without a health service is connected, and gets no call."""
    for start in case.history.verbs:  # the gateway may be started after it
        if start.members.get("HEALTH_SERVICE") != "false" or start.confirmed is None:
            continue
        since = start.confirmed or 0.0
        to_it = [
            connection
            for connection in case.connections
            if connection.replica == start.on and connection.opened > start.asked
        ]
        later = [call for call in case.calls if call.sent > since]
        if to_it and later and not any(attempt.replica == start.on and attempt.at > since for attempt in case.attempts):
            seen = (
                f"{start.on} returned without a health service, {many(len(to_it), 'connection')} led to it, "
                f"and it got none of the {len(later)} calls after that"
            )
            return certain("health_required", seen, "it was connected, and only its health can have ruled it out")
    return None


def called_before_health_response(case: Case) -> Finding | None:
    """A replica got calls before its first health response."""
    for start in case.faults_of("start", "restart"):
        delay = float(start.members.get("HEALTH_DELAY_MS", 0)) / 1000
        queried = [
            event.at
            for event in case.history.of_kind(QUERIED)
            if event.at > start.asked and event.members["replica"] == start.on
        ]
        early = [
            attempt
            for attempt in case.attempts
            if queried and attempt.replica == start.on and queried[0] < attempt.at < queried[0] + delay
        ]
        if early:
            seen = (
                f"the health of {start.on} was queried, it answers after {delay:g} s, and it got a first attempt "
                f"{early[0].at - queried[0]:.2f} s after the query"
            )
            return certain("pending_health_treated_as_serving", seen, "its ledger holds both")
    return None


def not_checked_after_return(case: Case) -> Finding | None:
    """A replica that returned got calls, and no one has queried its health."""
    for start in case.faults_of("start"):
        queries = [event for event in case.history.of_kind(QUERIED) if event.at > start.asked]
        calls = [attempt for attempt in case.attempts if attempt.replica == start.on and attempt.at > start.asked]
        if calls and not any(query.members["replica"] == start.on for query in queries):
            seen = f"{start.on} returned and got {many(len(calls), 'attempt')}, and its health was not queried"
            return certain("no_health_check", seen, "its ledger holds every health query")
    return None


def waits_for_serving(case: Case) -> Finding | None:
    """While no replica reports SERVING, calls wait until their deadline instead of failing."""
    spells = _spells(case)
    timeout = case.deadline
    if {spell.replica for spell in spells} < set(case.replicas):
        return None
    since = max((spell.since for spell in spells), default=case.ended)
    waited = [
        call
        for call in case.calls
        if call.sent > since and not call.attempts and call.received - call.sent >= 0.9 * timeout
    ]
    if not waited:
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"with every replica reporting {spells[-1].status}, {many(len(waited), 'call')} waited for {longest:.2f} s; "
        f"the deadline is {timeout:g} s"
    )
    return certain("wait_for_ready", seen, "every replica is connected, so no connection attempt was waited for")


def watch_not_reopened(case: Case) -> Finding | None:
    """
    A replica failed every health watch, and this gateway opened no other one.

    >>> def story():
    ...     watched = Story().event(1.1, "replica health_asked", replica="a", by="Watch", service="order.OrderService")
    ...     ended = {"replica": "a", "status": "WATCHES_END", "watched": ["order.OrderService"]}
    ...     return watched.event(1.2, "replica health", **ended)
    >>> watch_not_reopened(story().calls(1.3, *in_turn(90), every=0.02).case()).suspects
    ('watch_not_reopened',)
    >>> again = story().event(1.25, "replica health_asked", replica="a", by="Watch", service="order.OrderService")
    >>> watch_not_reopened(again.calls(1.3, *in_turn(90), every=0.02).case()) is None
    True
    """
    ends = [event for event in case.history.of_kind(REPORTS) if event.members["status"] == WATCHES_END]
    if not ends or not ends[0].members["watched"] or case.ended - ends[0].at < LATE:
        return None
    name = ends[0].members["replica"]
    if any(event.at > ends[0].at and event.members["replica"] == name for event in _queries(case, "Watch")):
        return None
    seen = f"{name} failed every health watch, and the gateway opened no other one in the "
    seen += f"{case.ended - ends[0].at:.1f} s after that"
    return certain("watch_not_reopened", seen, "a watch that fails is to be opened again, with backoff")
