"""Why connections are kept too long, or failing addresses are dialled too often, too rarely or all together."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.evidence.history import Call, Event
from tests.harness.judges.backoff import backoffs, medians, patience, spread
from tests.harness.subject.promises import JITTER
from tests.harness.subject.service_configs import max_connections_of

TOO_SHORT = 0.05
"""Seconds by which a gap between two dials has to fall short of its backoff: a listener may record a dial late."""

TOO_LONG = 0.1
"""Seconds by which a median gap has to exceed its backoff with all its jitter: a machine may be busy."""

TOGETHER = 0.04
"""Seconds within which jitter does not leave the dials of ten addresses or more."""


def _milliseconds(case: Case, variable: str) -> float | None:
    """Return in seconds what the gateway was started with for this behaviour."""
    given = case.given.get(variable)
    return None if given is None else int(given) / 1000


def never_idle(case: Case) -> Finding | None:
    """There were no calls for longer than the idle timeout, and connections are still open."""
    timeout = _milliseconds(case, "CLIENT_IDLE_TIMEOUT_MS")
    kept = [connection for connection in case.connections if connection.closed is None]
    if timeout is None or not kept or not case.history.events:
        return None
    last = max((call.received for call in case.all_calls), default=case.began)
    quiet = case.history.events[-1].at - last
    if quiet <= 2 * timeout:
        return None
    seen = f"{quiet:.1f} s after the last call, {many(len(kept), 'connection was', 'connections were')} still open"
    seen += f"; the configured idle timeout is {timeout:g} s"
    return likely("no_idle_timeout", seen, "a timeout longer than configured would look the same")


def idle_and_never_resolved(case: Case) -> Finding | None:
    """The gateway closed all connections and opened new ones without ever resolving a name."""
    closed = [connection for connection in case.connections if connection.closed is not None]
    reopened = [
        connection
        for connection in case.connections
        if closed and connection.opened > closed[0].opened and connection.closed is None
    ]
    if case.answers is None or case.answers or not reopened:
        return None
    seen = (
        f"the gateway closed {many(len(closed), 'connection')}, opened {len(reopened)} new ones and has never queried "
        "DNS"
    )
    return certain("address_list", seen, "a name would have been resolved, at the first call at the latest")


def not_scaled(case: Case) -> Finding | None:
    """Calls waited for a stream on one connection, where several connections were configured."""
    limits = [int(verb.members.get("most_streams") or 0) for verb in case.history.verbs if verb.verb == "list a peer"]
    used = {attempt.peer for attempt in case.attempts}
    most = max_connections_of(case.given.get("GRPC_SERVICE_CONFIG", ""))
    concurrent = _most_at_a_time(case.calls)
    if not any(limits) or most < 2 or len(used) != 1 or concurrent <= max(limits):
        return None
    seen = f"up to {concurrent} concurrent calls went over one connection with {many(max(limits), 'stream')}"
    seen += f"; up to {most} connections are configured"
    return likely("connections_not_scaled", seen, "a library without gRFC A105 would look the same")


def _most_at_a_time(calls: Sequence[Call]) -> int:
    """Return the largest number of calls that were in progress when one was sent."""
    sent, received = (sorted(times) for times in ([call.sent for call in calls], [call.received for call in calls]))
    return max((bisect_right(sent, at) - bisect_right(received, at) for at in sent), default=0)


def channelz_shows_another_channel(case: Case) -> Finding | None:
    """Channelz counts fewer calls than the replicas got attempts."""
    shown = [event for event in case.history.of_kind("channelz") if event.at >= case.born]
    if not shown:
        return None
    counted = sum(subchannel["started"] for subchannel in shown[-1].members["subchannels"])
    arrived = [attempt for call in case.all_calls for attempt in call.attempts if attempt.at < shown[-1].at]
    if counted >= len(arrived):
        return None
    seen = f"channelz counted {many(counted, 'call')}, but the replicas got {many(len(arrived), 'attempt')}"
    because = "a library that does not count calls per subchannel would look the same"
    return likely("channelz_shows_another_channel", seen, because)


def _dials(case: Case) -> dict[str, list[float]]:
    """Return when each listener was dialled by the gateway under judgement."""
    found: dict[str, list[float]] = defaultdict(list)
    for event in case.history.of_kind("dialled"):
        if event.at >= case.born:
            found[event.members["address"]].append(event.at)
    return found


def backoff(case: Case) -> Finding | None:
    """A failing address is dialled sooner, or much later, than the backoff that the gateway was given."""
    dials = _dials(case)
    initial = _milliseconds(case, "INITIAL_RECONNECT_BACKOFF_MS")
    longest = _milliseconds(case, "MAX_RECONNECT_BACKOFF_MS")
    if not dials or initial is None or longest is None:
        return None
    first, last = min(times[0] for times in dials.values()), case.history.events[-1].at
    if all(len(times) == 1 for times in dials.values()) and last - first > 2 * patience([longest]):
        seen = f"{many(len(dials), 'address was', 'addresses were')} dialled once in {last - first:.1f} s"
        seen += f"; the longest configured backoff is {longest * 1000:.0f} ms"
        return likely("reconnect_backoff", seen, "a client that never redials a lost address would look the same")
    gaps = medians(dials)
    nominal = backoffs(len(gaps), initial, longest)
    short = [(gap, due) for gap, due in zip(gaps, nominal, strict=True) if gap < due * (1 - JITTER) - TOO_SHORT]
    if not short:
        return None
    words = ", ".join(f"{gap * 1000:.0f}" for gap in gaps)
    seen = f"a failing address was dialled {words} ms apart; the gap should grow to {nominal[-1] * 1000:.0f} ms"
    return certain("dials_too_often", seen, "each listener records when it is dialled")


def not_reset(case: Case) -> Finding | None:
    """An address that had been connected, and then failed, is not redialled after the initial backoff."""
    initial = _milliseconds(case, "INITIAL_RECONNECT_BACKOFF_MS")
    greeted = {event.members["address"]: event.at for event in case.history.of_kind("dialled") if _greeted(event)}
    after = {address: [at for at in times if at > greeted.get(address, at)] for address, times in _dials(case).items()}
    gaps = [times[1] - times[0] for times in after.values() if len(times) > 1]
    if initial is None or not gaps or median(gaps) <= patience([initial]) + TOO_LONG:
        return None
    seen = f"an address that had been connected and then failed was redialled after {median(gaps) * 1000:.0f} ms"
    seen += f"; the configured initial backoff is {initial * 1000:.0f} ms"
    return likely(
        "reconnect_backoff", seen, "a backoff that a successful connection does not reset would look the same"
    )


def _greeted(event: Event) -> bool:
    return bool(event.members["then"] == "greet")


def waits_on_silent_address(case: Case) -> Finding | None:
    """A connection attempt to a silent address is kept for longer than the connect timeout."""
    timeout = _milliseconds(case, "CONNECT_TIMEOUT_MS")
    dials = _dials(case)
    if timeout is None or not dials or any(len(times) > 1 for times in dials.values()):
        return None
    waited = case.history.events[-1].at - max(times[0] for times in dials.values())
    if waited <= 2 * timeout:
        return None
    seen = f"{many(len(dials), 'connection')} to silent addresses were kept for {waited:.1f} s"
    seen += f"; the configured connect timeout is {timeout:g} s"
    return likely("connect_timeout", seen, "a client that never redials a lost address would look the same")


def no_jitter(case: Case) -> Finding | None:
    """Failing addresses are redialled in step."""
    dials = _dials(case)
    rounds = min((len(times) for times in dials.values()), default=0)
    if len(dials) < 10 or rounds < 4:
        return None
    apart = spread({address: times[:4] for address, times in dials.items()})
    if apart >= TOGETHER:
        return None
    seen = f"three backoffs of {len(dials)} addresses were equally long, to within {apart * 1000:.0f} ms"
    return certain("no_reconnect_jitter", seen, "with a jitter of a fifth they would differ by more than 100 ms")
