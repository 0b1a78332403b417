"""
What a gateway uses, without its help: the kernel counts (world/resources.py) and the world notes who comes.

Every tolerance is that of the most wasteful legal client that is known, with its reason; what is tighter needs a
separate behaviour (tests/behaviours/resources).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tests.harness.causes.case import Case, certain, likely, many
from tests.harness.checks.check import Absent, Verdict, check, slack_of
from tests.harness.evidence.history import Connection, Event
from tests.harness.evidence.sampler import SAMPLE
from tests.harness.subject.promises import UNBOUNDED

WARM, CALM = 3.0, 1.0
"""Seconds after its start, and after the last call or fault, until a gateway counts as idle: runtimes still compile."""

IDLE = 2.0
"""Seconds of idleness, taken together, below which they are not judged."""

BUSY = 0.5
"""The part of a core that an idle gateway does not use."""

LEAST_BURNT = 1.0
"""Seconds of CPU below which an idle gateway has just tidied up: a JVM compiles what was hot, a collector runs."""

DIALS = 25
"""
Connections to one address within one second, for each connection that is promised.

The shortest backoff in use is 100 ms (gRPC's is 1 s), 80 ms with jitter: 12.5 dials a second, and as many again where
the old connection is replaced at the same moment. A gateway that dials in a loop makes hundreds.
"""

QUERIES, WINDOW = 60, 4.0
"""
Address queries for one name within four seconds of nothing but failures, for each connection that is promised.

gRPC's resolvers wait 1 s ± 20 %, then 1.6 times as long each time: three rounds in four seconds. c-ares sends up to
four queries a round to a server that fails, Go's resolver two: 12. grpc-js waits as long as before it dials again,
which is 80 ms with the shortest backoff in use: 50. A loop makes hundreds.
"""

LINGER = 10.0
"""
Seconds for which a client may keep what is no longer listed: grpc-js collects unused subchannels every 10 s
(subchannel-pool.ts, REF_CHECK_INTERVAL), grpc-java shuts them down after 5 s (ManagedChannelImpl,
SUBCHANNEL_SHUTDOWN_DELAY_SECONDS).
"""

DESCRIPTORS, THREADS = 64, 64
"""
By how many descriptors and threads a gateway may grow during one behaviour.

Descriptors: C-core opens sockets and a pipe for each query, a JVM opens the archives of the classes that it loads.
Threads: Go and JVMs have a handful for each core and for blocking calls. An HTTP server's pool has one for each caller
at most, which is allowed in addition.
"""


@check
def an_idle_gateway_uses_no_cpu(case: Case) -> Verdict:
    """
    While no one calls and nothing happens, a gateway leaves the CPU alone.

    Idle is between two samples, later than 3 s after its start, with no order under way and no fault in the second
    before. It is wrong to use more than half a core of that time, and more than 1 s of CPU; on a busy machine also to
    be ready to run for 90 % of it: a loop never waits for anything but a CPU. Polling ten times a second, pings, a
    garbage collector and a compiler that finishes what a load made hot stay below a tenth.
    """
    idle = [(before, after) for before, after in _samples(case) if _is_idle(case, before, after)]
    wall = sum(after.at - before.at for before, after in idle)
    if wall < IDLE:
        return Absent(f"it was idle for {wall:.1f} s of this behaviour, and {IDLE:.0f} s are needed")
    used, waited = (sum(_grown(pair, name) for pair in idle) for name in ("cpu", "waiting"))
    if used <= LEAST_BURNT or (used <= BUSY * wall and used + waited <= 0.9 * wall):
        return None
    seen = f"idle for {wall:.1f} s, it used {used:.1f} s of CPU and waited {waited:.1f} s for more"
    return likely("busy_loop", seen, "a runtime that compiles or collects for seconds on end would look the same")


def _samples(case: Case) -> Iterator[tuple[Event, Event]]:
    """Yield each sample with the next one of the same process."""
    for before, after in pairwise(case.history.of_kind(SAMPLE)):
        if before.members["pid"] == after.members["pid"]:
            yield before, after


def _grown(pair: tuple[Event, Event], name: str) -> float:
    return float(pair[1].members[name] - pair[0].members[name])


def _is_idle(case: Case, before: Event, after: Event) -> bool:
    began, ended = before.at - CALM, after.at
    starts = [verb.confirmed or verb.asked for verb in case.history.verbs if verb.verb in {"fresh gateway", "restore"}]
    touched = any(began <= event.at <= ended for event in case.history.of_kind("asked", "confirmed"))
    called = any(call.sent <= ended and call.received >= began for call in case.history.calls)
    return not touched and not called and all(before.at - start >= WARM or start > ended for start in starts)


@check
def an_address_is_dialled_with_a_backoff(case: Case) -> Verdict:
    """
    No address is connected to in a loop, whether it refuses, closes, or answers.

    Counted are connections at listeners of ours, and at replicas those over which no call came: at most 25 within a
    second to one address for each connection that is promised. Refused dials of a dead address leave no trace. Clients
    whose connection was made and then cut may redial immediately: a replica does so only when a call requests it, and
    a listener of ours holds it for a tenth of a second.
    """
    dials = _dials(case)
    if not any(dials.values()) and not case.history.connections:
        return Absent("nothing that was dialled keeps a record of it")
    most = DIALS * case.promises.connections_per_replica
    for address, times in dials.items():
        count = _densest(times, 1.0)
        if count > most:
            seen = f"{address} was connected to {many(count, 'time')} within a second; a backoff allows {most}"
            if open_ones := _left_open(case, address):
                seen += f"; {open_ones} of the connections are still open, and carried no call"
                return certain("leak", seen, "a connection that was made needs no backoff, but is to be used or closed")
            return certain("no_backoff", seen, "each of them is in the record of what was dialled")
    return None


def _dials(case: Case) -> Mapping[str, Sequence[float]]:
    """Return when each listener's address, and each replica, was connected to."""
    found: dict[str, list[float]] = defaultdict(list)
    for event in case.history.of_kind("dialled", "door dialled"):
        found[event.members["address"]].append(event.at)
    for connection in _unused(case):
        found[connection.replica].append(connection.opened)
    return found


def _unused(case: Case) -> Sequence[Connection]:
    """Return the connections to replicas that were made in this behaviour, and carried no call."""
    used = {(attempt.replica, attempt.peer) for attempt in case.history.attempts}
    return [one for one in case.history.connections if (one.replica, one.peer) not in used and not one.earlier]


def _left_open(case: Case, replica: str) -> int:
    """Return how many unused connections to a replica are open; 0 if most of them were closed."""
    unused = [connection for connection in _unused(case) if connection.replica == replica]
    left = sum(connection.closed is None for connection in unused)
    return left if left > len(unused) / 2 else 0


def _densest(times: Sequence[float], window: float) -> int:
    """Return the highest number of moments within a window."""
    ordered = sorted(times)
    return max((bisect_right(ordered, at + window) - number for number, at in enumerate(ordered)), default=0)


@check
def a_name_is_queried_with_an_interval(case: Case) -> Verdict:
    """
    DNS is not queried in a loop, whether it answers or fails.

    At most 24 address queries for one name within four seconds for each connection that is promised, and those that the
    promised minimum interval, a promised polling and a promised `dns_retry_within` allow. A gateway that promises an
    interval below 50 ms promises no floor.
    """
    queries = [event for event in case.history.of_kind("dns query") if event.members["kind"] == "A" and _is_udp(event)]
    if not queries:
        return Absent("no query reached a name server of ours")
    floor, refresh, failed = _floor(case), case.promises.refresh_interval, case.promises.dns_retry_within
    if floor < 0.05:
        return Absent("it promises no minimum interval between queries")
    most = QUERIES + WINDOW / floor + (WINDOW / refresh if refresh else 0) + (WINDOW / failed if failed else 0)
    most *= case.promises.connections_per_replica
    for life in _lives(case, queries):
        for name in {event.members["name"] for event in life}:
            count = _densest([event.at for event in life if event.members["name"] == name], WINDOW)
            if count > most:
                seen = f"{name} was queried {many(count, 'time')} within {WINDOW:.0f} s; at most {most:.0f} are allowed"
                return certain("no_query_interval", seen, "the name server has each of them in its log")
    return None


def _floor(case: Case) -> float:
    """Return the minimum seconds between queries: those that the gateway was given, or else promised."""
    given = case.given.get("DNS_MIN_RESOLUTION_INTERVAL_MS")
    return int(given) / 1000 if given else case.promises.min_resolution_interval


def _is_udp(query: Event) -> bool:
    return bool(query.members.get("protocol", "udp") == "udp")  # a truncated answer is queried again over TCP


def _lives(case: Case, events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the events of one gateway after the other."""
    starts = [verb.asked for verb in case.history.verbs if verb.verb == "fresh gateway"]
    for began, ended in pairwise([-float("inf"), *starts, float("inf")]):
        yield [event for event in events if began <= event.at < ended]


@check
def what_is_no_longer_listed_is_left(case: Case) -> Verdict:
    """
    Each address that DNS has taken off the list is neither dialled nor kept.

    Counted from the first answer without it that the gateway was given. It may finish its calls, and it may linger for
    10 s. A connection is judged while another one leads to an address that is listed: until one is ready, clients may
    keep to their old list. Several channels resolve one by one, and pick_first keeps what it has: not judged.
    """
    if case.promises.connections_per_replica > 1 or case.policy == "pick_first":
        return Absent("with several connections, or pick_first, an old one may stay")
    left = _left(case)
    if not left:
        return Absent("the gateway was given no list that lacks an address of the one before")
    patience = LINGER + slack_of(case)
    dials = _dials(case)
    for address, (since, until) in left.items():
        kept = _kept(case, address, since + patience + (case.promises.call_timeout or UNBOUNDED), until)
        if kept:
            seen = f"a connection to {address} was open {kept - since:.1f} s after DNS had answered without it"
            return certain("keeps_what_is_not_listed", seen, "another connection, to a listed address, was ready")
    for address, (since, until) in left.items():
        late = [at for at in dials.get(address, ()) if since + patience < at < until]
        if late:
            seen = f"{address} was dialled {late[0] - since:.1f} s after DNS had answered without it"
            return certain("dials_what_is_not_listed", seen, "no answer since had it")
    return None


def _left(case: Case) -> Mapping[str, tuple[float, float]]:
    """Return each address that answers lack, since when, and until when: until one has it again."""
    found: dict[str, tuple[float, float]] = {}
    answers = [query for query in case.answers or () if query.answer and query.rcode == "NOERROR"]
    for before, after in pairwise(answers):
        for address in set(before.answer) - set(after.answer):
            again = (query.at for query in answers if query.at > after.at and address in query.answer)
            found[address] = (after.at, min(again, default=float("inf")))
    return found


def _kept(case: Case, address: str, since: float, until: float) -> float | None:
    """Return when a connection to an address was seen in two samples running, next to one that is listed."""
    seen = [event for event in case.history.of_kind(SAMPLE) if since < event.at < until]
    for before, after in pairwise(seen):
        both = [event.members["connections"] for event in (before, after)]
        if all(address in connections and len(connections) > 1 for connections in both):
            return after.at
    return None


@check
def nothing_grows_without_bound(case: Case) -> Verdict:
    """
    Descriptors and threads at the end are those of the beginning, no matter what was done to the gateway.

    From the first to the last sample of one process with no order under way: at most 64 more descriptors, and 64 more
    threads and one for each caller. A leak of one for each call or each failure exceeds that in any behaviour with a
    load; smaller ones are for behaviours that repeat a fault.
    """
    quiet = [event for event in case.history.of_kind(SAMPLE) if not _under_way(case, event.at)]
    if len(quiet) < 2 or quiet[0].members["pid"] != quiet[-1].members["pid"]:
        return Absent("one process was not seen at rest twice")
    first, last = quiet[0].members, quiet[-1].members
    callers = len({call.caller for call in case.history.calls})
    for name, most in (("descriptors", DESCRIPTORS), ("threads", THREADS + callers)):
        if first[name] is not None and last[name] is not None and last[name] - first[name] > most:
            seen = f"{name} grew from {first[name]} to {last[name]} in {quiet[-1].at - quiet[0].at:.1f} s, "
            seen += "with no order under way at either moment"
            return likely("leak", seen, "a cache that fills once would look the same")
    return None


def _under_way(case: Case, moment: float) -> bool:
    return any(call.sent <= moment <= call.received for call in case.history.calls)
