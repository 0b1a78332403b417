"""Why connections are kept too long, or addresses that fail are dialled too often, too seldom or all at once."""

from collections import defaultdict
from statistics import median

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.evidence.history import Event
from tests.harness.judges.backoff import backoffs, medians, patience, spread
from tests.harness.subject.promises import JITTER
from tests.harness.subject.service_configs import max_connections_of

TOO_SHORT = 0.05
"""Seconds by which a gap between two dials has to fall short of its backoff: a listener may note a dial late."""

TOO_LONG = 0.1
"""Seconds by which a median gap has to exceed its backoff with all its jitter: a machine may be busy."""

TOGETHER = 0.04
"""Seconds within which jitter does not leave the dials of ten addresses or more."""


def _milliseconds(case: Case, variable: str) -> float | None:
    """Return in seconds what the gateway was started with for this behaviour."""
    given = case.given.get(variable)
    return None if given is None else int(given) / 1000


def never_idle(case: Case) -> Finding | None:
    """Nobody called for longer than the idle timeout allows, and connections are still open."""
    timeout = _milliseconds(case, "CLIENT_IDLE_TIMEOUT_MS")
    kept = [each for each in case.connections if each.closed is None]
    if timeout is None or not kept or not case.history.events:
        return None
    last = max((call.received for call in case.all_calls), default=case.began)
    quiet = case.history.events[-1].at - last
    if quiet <= 2 * timeout:
        return None
    seen = f"{quiet:.1f} s after the last call {many(len(kept), 'connection was', 'connections were')} open"
    seen += f"; an idle timeout of {timeout:g} s was asked for"
    return likely("no_idle_timeout", seen, "a timeout that is longer than asked for would look the same")


def idle_and_never_resolved(case: Case) -> Finding | None:
    """The gateway let all connections go and made new ones without ever asking for addresses."""
    closed = [each for each in case.connections if each.closed is not None]
    anew = [each for each in case.connections if closed and each.opened > closed[0].opened and each not in closed]
    if case.answers is None or case.answers or not anew:
        return None
    seen = f"the gateway closed {many(len(closed), 'connection')}, made {len(anew)} new ones and has never asked"
    return certain("address_list", seen, "a name would have been asked for, at least at the first call")


def not_scaled(case: Case) -> Finding | None:
    """Calls waited for a stream of one connection, where several were asked for."""
    limits = [int(each.members.get("most_streams") or 0) for each in case.history.verbs if each.verb == "list a peer"]
    used = {each.peer for each in case.attempts}
    most = max_connections_of(case.given.get("GRPC_SERVICE_CONFIG", ""))
    at_once = max((sum(b.sent <= a.sent < b.received for b in case.calls) for a in case.calls), default=0)
    if not any(limits) or most < 2 or len(used) != 1 or at_once <= max(limits):
        return None
    seen = f"up to {at_once} calls at once went over one connection of {many(max(limits), 'stream')}"
    seen += f"; up to {most} connections were asked for"
    return likely("connections_not_scaled", seen, "a library without gRFC A105 would look the same")


def channelz_shows_another_channel(case: Case) -> Finding | None:
    """Channelz has fewer calls than the replicas got attempts."""
    shown = [event for event in case.history.of_kind("channelz") if event.at >= case.born]
    if not shown:
        return None
    said = sum(each["started"] for each in shown[-1].members["subchannels"])
    came = [each for call in case.all_calls for each in call.attempts if each.at < shown[-1].at]
    if said >= len(came):
        return None
    seen = f"channelz had {many(said, 'call')} where the replicas got {many(len(came), 'attempt')}"
    return likely(
        "channelz_shows_another_channel", seen, "a library that does not count calls per subchannel would look the same"
    )


def _dials(case: Case) -> dict[str, list[float]]:
    """Return when each listener was dialled by the gateway under judgement."""
    found: dict[str, list[float]] = defaultdict(list)
    for event in case.history.of_kind("dialled"):
        if event.at >= case.born:
            found[event.members["address"]].append(event.at)
    return found


def backoff(case: Case) -> Finding | None:
    """An address that fails is dialled sooner, or much later, than the backoff that the gateway was given."""
    dials = _dials(case)
    initial = _milliseconds(case, "INITIAL_RECONNECT_BACKOFF_MS")
    longest = _milliseconds(case, "MAX_RECONNECT_BACKOFF_MS")
    if not dials or initial is None or longest is None:
        return None
    first, last = min(times[0] for times in dials.values()), case.history.events[-1].at
    if all(len(times) == 1 for times in dials.values()) and last - first > 2 * patience([longest]):
        seen = f"{many(len(dials), 'address', 'addresses')} dialled once in {last - first:.1f} s"
        seen += f"; {longest * 1000:.0f} ms are the longest backoff that was asked for"
        return likely("reconnect_backoff", seen, "a client that never dials a lost address again would look the same")
    gaps = medians(dials)
    nominal = backoffs(len(gaps), initial, longest)
    short = [(gap, due) for gap, due in zip(gaps, nominal, strict=True) if gap < due * (1 - JITTER) - TOO_SHORT]
    if not short:
        return None
    words = ", ".join(f"{gap * 1000:.0f}" for gap in gaps)
    seen = f"dials of an address that fails were {words} ms apart; {nominal[-1] * 1000:.0f} ms are due in the end"
    return certain("dials_too_often", seen, "each listener notes when it is dialled")


def not_reset(case: Case) -> Finding | None:
    """An address that had been connected, and then failed, is not dialled again after the initial backoff."""
    initial = _milliseconds(case, "INITIAL_RECONNECT_BACKOFF_MS")
    greeted = {event.members["address"]: event.at for event in case.history.of_kind("dialled") if _greeted(event)}
    after = {address: [at for at in times if at > greeted.get(address, at)] for address, times in _dials(case).items()}
    gaps = [times[1] - times[0] for times in after.values() if len(times) > 1]
    if initial is None or not gaps or median(gaps) <= patience([initial]) + TOO_LONG:
        return None
    seen = f"an address that had been connected and failed anew was dialled again after {median(gaps) * 1000:.0f} ms"
    seen += f"; {initial * 1000:.0f} ms are the initial backoff that was asked for"
    return likely("reconnect_backoff", seen, "a backoff that a success does not reset would look the same")


def _greeted(event: Event) -> bool:
    return bool(event.members["then"] == "greet")


def waits_on_silent_address(case: Case) -> Finding | None:
    """A connection on which nobody speaks is kept for longer than the connect timeout."""
    timeout = _milliseconds(case, "CONNECT_TIMEOUT_MS")
    dials = _dials(case)
    if timeout is None or not dials or any(len(times) > 1 for times in dials.values()):
        return None
    waited = case.history.events[-1].at - max(times[0] for times in dials.values())
    if waited <= 2 * timeout:
        return None
    seen = f"{many(len(dials), 'connection')} on which nobody spoke were kept for {waited:.1f} s"
    seen += f"; a connect timeout of {timeout:g} s was asked for"
    return likely("connect_timeout", seen, "a client that never dials a lost address again would look the same")


def no_jitter(case: Case) -> Finding | None:
    """Addresses that fail are dialled in step."""
    dials = _dials(case)
    rounds = min((len(times) for times in dials.values()), default=0)
    if len(dials) < 10 or rounds < 4:
        return None
    apart = spread({address: times[:4] for address, times in dials.items()})
    if apart >= TOGETHER:
        return None
    seen = f"three backoffs of {len(dials)} addresses took as long as each other, to within {apart * 1000:.0f} ms"
    return certain("no_reconnect_jitter", seen, "with a jitter of a fifth they would differ by more than 100 ms")
