"""Why a gateway does not heed what replicas say of their health."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many
from tests.harness.evidence.history import Event, SeenAttempt
from tests.harness.subject.service_configs import SERVICE
from tests.harness.world.replica import SERVING

ASKED, SAYS = "replica health_asked", "replica health"


@dataclass(frozen=True)
class Spell:
    """A time in which a replica said another status than SERVING, and the names under which it was watched then."""

    replica: str
    status: str
    since: float
    until: float
    watched: Sequence[str]

    def sent(self, case: Case) -> list[SeenAttempt]:
        """Return the attempts that came in spite of it, once the gateway has had time to hear of it."""
        return [each for each in case.attempts if each.replica == self.replica and self._holds(each.at)]

    def _holds(self, at: float) -> bool:
        return self.since + LATE < at < self.until


def _spells(case: Case) -> list[Spell]:
    """Return every spell since judging began, in the order said."""
    says = [each for each in case.history.of_kind(SAYS) if each.at >= case.began]
    found = []
    for replica in {each.members["replica"] for each in says}:
        for event, until in _with_next([each for each in says if each.members["replica"] == replica], case.ended):
            if event.members["status"] != SERVING:
                members = event.members
                found.append(Spell(replica, members["status"], event.at, until, members["watched"]))
    return sorted(found, key=lambda each: each.since)


def _with_next(events: Sequence[Event], ended: float) -> Iterator[tuple[Event, float]]:
    """Yield each event and when the next one came, or all had ended."""
    for one, other in pairwise(events):
        yield one, other.at
    if events:
        yield events[-1], max(ended, events[-1].at)


def _asked(case: Case, by: str) -> list[Event]:
    """Return the questions for health that this gateway is seen to have asked."""
    return [each for each in case.history.of_kind(ASKED) if each.at >= case.born and each.members["by"] == by]


def not_checked(case: Case) -> Finding | None:
    """Calls go on to a replica whatever it says, and nobody has asked it."""
    spells = [each for each in _spells(case) if each.sent(case)]
    if not spells or any(each.watched for each in spells) or _asked(case, "Check"):
        return None
    first = spells[0]
    seen = (
        f"{first.replica} said {first.status} and got {many(len(first.sent(case)), 'attempt')} more; "
        "no client watched its health"
    )
    if case.fresh:
        return certain("no_health_check", seen, "the replicas' ledgers hold every question for their health")
    return likely("no_health_check", seen, "a Check of this gateway before this behaviour would not be in its history")


def not_checked_by_fresh_gateway(case: Case) -> Finding | None:
    """A fresh gateway has served calls of each replica, and asked none for its health."""
    if not case.fresh or not case.attempts or _asked(case, "Watch") or _asked(case, "Check"):
        return None
    seen = f"{many(len(case.attempts), 'attempt')} reached the replicas, and none of them was asked for its health"
    return certain("no_health_check", seen, "the replicas' ledgers hold every question for their health")


def wrong_service_name(case: Case) -> Finding | None:
    """The gateway watches the health of something else than the service that it calls."""
    names = {each.members["service"] for each in _asked(case, "Watch")}
    names |= {name for spell in _spells(case) for name in spell.watched}
    if not names or SERVICE in names:
        return None
    told = ", ".join(repr(name) for name in sorted(names))
    seen = f"the gateway watched the health of {told}, and the replicas speak of {SERVICE}"
    return certain("wrong_health_service_name", seen, "the replicas' ledgers hold the name in each question")


def checked_by_hand(case: Case) -> Finding | None:
    """The gateway asks by Check, connection after connection, where gRPC's own client watches."""
    checks = _asked(case, "Check")
    if not checks or _asked(case, "Watch"):
        return None
    seen = (
        f"the replicas were asked for their health by Check, over {many(len(checks), 'connection')}, and not by Watch"
    )
    back = [(name, peers) for name, peers in _peers_after(case).items() if len(peers) > 1]
    if back:
        seen += f"; {back[0][0]} said SERVING again and got its calls over another connection"
    return certain("own_health_checks", seen, "gRPC's own health checks use Watch only")


def _peers_after(case: Case) -> dict[str, set[str]]:
    """Return the connections that carried calls, for each replica that said something and never ended."""
    ended = {each.on for each in case.faults_of("kill", "stop", "start")}
    return {
        spell.replica: {each.peer for each in case.attempts if each.replica == spell.replica}
        for spell in _spells(case)
        if spell.replica not in ended
    }


def other_status(case: Case) -> Finding | None:
    """A replica that is asked for its health says neither SERVING nor NOT_SERVING, and gets calls all the same."""
    spells = [each for each in _spells(case) if each.status != "NOT_SERVING" and each.sent(case)]
    if not spells or not (_asked(case, "Check") or any(SERVICE in each.watched for each in spells)):
        return None
    first = spells[0]
    seen = (
        f"{first.replica} was asked for its health and said {first.status}, and got "
        f"{many(len(first.sent(case)), 'attempt')} more"
    )
    return certain("other_status_treated_as_serving", seen, "only SERVING says that a replica takes calls (gRFC A17)")


def health_service_required(case: Case) -> Finding | None:
    """A replica that has no health service is connected, and gets no call."""
    for start in case.history.verbs:  # the gateway may be started after it
        if start.members.get("HEALTH_SERVICE") != "false" or start.confirmed is None:
            continue
        since = start.confirmed or 0.0
        to_it = [each for each in case.connections if each.replica == start.on and each.opened > start.asked]
        later = [call for call in case.calls if call.sent > since]
        if to_it and later and not any(each.replica == start.on and each.at > since for each in case.attempts):
            seen = (
                f"{start.on} returned without a health service, {many(len(to_it), 'connection')} led to it, "
                f"and it got none of the {len(later)} calls after that"
            )
            return certain("health_required", seen, "it was dialled, and has nothing but its health to be left out for")
    return None


def called_before_health_response(case: Case) -> Finding | None:
    """A replica got calls before it had answered how it is."""
    for start in case.faults_of("start", "restart"):
        delay = float(start.members.get("HEALTH_DELAY_MS", 0)) / 1000
        asked = [
            each.at
            for each in case.history.of_kind(ASKED)
            if each.at > start.asked and each.members["replica"] == start.on
        ]
        early = [
            each
            for each in case.attempts
            if asked and each.replica == start.on and asked[0] < each.at < asked[0] + delay
        ]
        if early:
            seen = (
                f"{start.on} was asked for its health, answers after {delay:g} s, and got a first attempt "
                f"{early[0].at - asked[0]:.2f} s after it was asked"
            )
            return certain("pending_health_treated_as_serving", seen, "its ledger holds both")
    return None


def not_checked_after_return(case: Case) -> Finding | None:
    """A replica that returned got calls, and nobody has asked it for its health."""
    for start in case.faults_of("start"):
        asked = [each for each in case.history.of_kind(ASKED) if each.at > start.asked]
        calls = [each for each in case.attempts if each.replica == start.on and each.at > start.asked]
        if calls and not any(each.members["replica"] == start.on for each in asked):
            seen = f"{start.on} returned and got {many(len(calls), 'attempt')}, and was not asked for its health"
            return certain("no_health_check", seen, "its ledger holds every question for its health")
    return None


def waits_for_serving(case: Case) -> Finding | None:
    """While no replica says SERVING, calls wait until their deadline instead of failing."""
    spells = _spells(case)
    timeout = case.promises.call_timeout
    if {each.replica for each in spells} < set(case.replicas):
        return None
    since = max((each.since for each in spells), default=case.ended)
    waited = [
        call
        for call in case.calls
        if call.sent > since and not call.attempts and call.received - call.sent >= 0.9 * timeout
    ]
    if not waited:
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"with every replica saying {spells[-1].status} {many(len(waited), 'call')} waited for {longest:.2f} s; "
        f"the deadline is {timeout:g} s"
    )
    return certain("wait_for_ready", seen, "every replica is connected, so that no connection attempt was waited for")
