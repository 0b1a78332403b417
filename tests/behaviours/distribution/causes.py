"""Why calls are not spread as round_robin spreads them: rules that hold while nothing is broken on purpose."""

from collections.abc import Iterable, Sequence
from statistics import median

from tests.behaviours.distribution.causes_rotations import (
    restarted_rotation,
    rotation_for_each_caller,
    several_rotations,
)
from tests.harness.causes.case import (
    LATE,
    SOON,
    Case,
    Finding,
    certain,
    likely,
    many,
    peers,
    planned_delay,
    serial,
    tally,
    undecided,
)
from tests.harness.causes.rules import general

MOST_STEPS = 1000
"""Steps of a pattern that is looked for: weights make one with as many steps as their sum."""

FEW = 4
"""Fewer attempts than this show no distribution."""

BY_CHANCE = 1e-6
"""What is less probable than this is treated as certain not to have happened by chance."""


@general(440)
def served_by_changed(case: Case) -> Finding | None:
    """Replies name a replica other than the one that answered."""
    answered = [call for call in case.calls if call.ok and call.attempts and call.served_by]
    wrong = [call for call in answered if call.served_by not in {attempt.replica for attempt in call.attempts}]
    if not wrong:
        return None
    example = f"such as {wrong[0].served_by} for {wrong[0].attempts[-1].replica}"
    seen = f"{len(wrong)} of {many(len(answered), 'reply', 'replies')} named a replica that did not answer, {example}"
    return certain("served_by_changed", seen, "the replicas' ledgers record who answered")


@general(400)
def called_twice(case: Case) -> Finding | None:
    """One request led to several attempts, although the first one was answered OK."""
    twice = [call for call in case.calls if len([attempt for attempt in call.attempts if attempt.code == "OK"]) > 1]
    if not twice or case.faults or len(twice) < len(case.calls) / 2:
        return None
    total = sum(len(call.attempts) for call in twice)
    seen = (
        f"{len(twice)} of {many(len(case.calls), 'request')} made {total} attempts, although the first was answered OK"
    )
    if any(attempt.previous_attempts for call in twice for attempt in call.attempts):
        return likely("hedged", seen, "the later attempts carry grpc-previous-rpc-attempts, as hedged ones do")
    after = [call.attempts[1].at - call.attempts[0].at - planned_delay(call.attempts[0]) for call in twice]
    if min(after) > SOON:
        return certain("called_twice", seen, "the second was made once the first had been answered")
    if median(after) < -SOON:
        seen += f", the second while the first was being answered, {-median(after) * 1000:.0f} ms before its answer"
        return likely("repeated_call", seen, "two calls at the same time for one request would look the same")
    return undecided(("called_twice", "repeated_call"), seen, "orders that take long: is the second call made before?")


@general(430, of_round_robin=True)
def one_replica(case: Case) -> Finding | None:
    """Every attempt went to one replica: because of the policy, the name, or a caller that is tied to it."""
    used = {attempt.replica for attempt in case.attempts}
    if case.faults or len(used) != 1 or len(case.replicas) < 2 or len(case.attempts) < FEW:
        return None
    (replica,) = used
    connections = many(len(peers(case.attempts)[replica]), "connection")
    seen = f"{len(case.attempts)} of {len(case.attempts)} attempts went to {replica}, over {connections}"
    if others := _tied(case):
        seen += f"; other callers' went to {others}"
        return certain("tied_to_caller", seen, "each caller reached only one replica, and not all the same one")
    return _one_replica_by_name(case, seen)


def by_name(case: Case, seen: str) -> Finding | None:
    """Say of calls to one replica whether the name had only one address; None where it is known to have more."""
    if case.answers is None:
        which = "what the name resolves to where the gateway runs: one address, or one for each replica"
        return undecided(("pick_first", "one_address"), seen, which)
    if not case.answers:
        because = "a name would have been resolved"
        return certain("address_list", f"{seen}; the gateway never queried DNS", because)
    if _returned(case) < 2 and not _published_one(case):
        return certain("one_address", f"{seen}; {_answered(case)}", "the gateway received only one address")
    return None


def _returned(case: Case) -> int:
    return max(len(set(query.answer)) for query in case.answers or [])


def _published_one(case: Case) -> bool:
    """Say whether the suite itself had published just one address whenever the gateway queried."""
    published = case.history.of_kind("published")
    known = ([event for event in published if event.at <= query.at] for query in case.answers or ())
    return all(before and len(set(before[-1].members["addresses"])) < 2 for before in known)


def _answered(case: Case) -> str:
    return f"DNS had returned {many(_returned(case), 'address', 'addresses')}"


def _one_replica_by_name(case: Case, seen: str) -> Finding:
    """Tell a policy that uses one address from a name that has only one."""
    if finding := by_name(case, seen):
        return finding
    seen += f"; {_answered(case)}"
    connected = {connection.replica for connection in case.connections}
    callers = len(case.by_caller)
    enough = len(case.replicas) ** (1 - callers) < BY_CHANCE
    if idle := sorted(connected - {attempt.replica for attempt in case.attempts}):
        seen += f"; connections to {', '.join(idle)} were open and carried no calls"
        if enough:
            because = f"{callers} callers that are tied to a replica each would reach others; a fixed pick would not"
            return likely("several_rotations", f"{seen}; each of {callers} callers began with it", because)
        return likely("tied_to_caller", seen, "another caller would show it: it would reach another replica")
    if enough:
        return certain("pick_first", seen, f"round_robin would use every replica, and {callers} callers reached one")
    because = "with so few callers, a gateway that ties each of them to a replica could look the same"
    return likely("pick_first", seen, because)


def _tied(case: Case) -> str:
    """Return the other replicas that callers reached, if each caller reached only one; "" if not."""
    reached = {
        caller: {attempt.replica for call in calls for attempt in call.attempts}
        for caller, calls in case.by_caller.items()
    }
    if any(len(replicas) > 1 for replicas in reached.values()):
        return ""
    here = {attempt.replica for attempt in case.attempts}
    return ", ".join(sorted(set().union(*reached.values()) - here))


@general(405)
def connection_per_call(case: Case) -> Finding | None:
    """Every call came over a separate connection: a channel for each request, or for each caller."""
    used = {attempt.peer for attempt in case.attempts}
    if case.faults or len(case.attempts) < FEW or len(used) < 0.9 * len(case.attempts):
        return None
    seen = f"{len(case.attempts)} attempts came over {len(used)} connections"
    kept, closed_after_call = 0, 0
    size = max(len(case.replicas), len({attempt.replica for attempt in case.attempts}))
    for calls in case.by_caller.values():
        if len(calls) <= size:  # of a round_robin channel they may all be the first ones
            continue
        count = len({attempt.peer for call in calls for attempt in call.attempts})
        kept += count < 0.9 * len(calls)  # a port may be used for a second connection
        closed_after_call += count >= 0.9 * len(calls)
    if not kept and not closed_after_call:
        lasted = _lasted(case)
        kept, closed_after_call = (0, 0) if lasted is None else (int(lasted), int(not lasted))
    if closed_after_call:
        return certain("channel_per_request", seen, "each call of the same caller came over a new connection")
    if kept:
        because = "calls of the same caller share connections, calls of different callers do not"
        return certain("channel_per_caller", seen, because)
    which = "whether calls of the same caller share connections: here each call came from a different caller"
    return undecided(("channel_per_request", "channel_per_caller"), seen, which)


def _lasted(case: Case) -> bool | None:
    """
    Say whether the connections outlived their calls; None where too few of them can tell.

    An open connection can tell once its replica has accepted a few more since: by then its end would have been seen.
    """
    used = {attempt.peer for attempt in case.attempts}
    mine = [connection for connection in case.history.connections if connection.peer in used]
    found = []
    for replica in {connection.replica for connection in mine}:
        accepted = sorted(
            (connection for connection in mine if connection.replica == replica),
            key=lambda connection: connection.opened,
        )
        found += [connection for connection in accepted[:-FEW] if connection.closed is None] + [
            connection for connection in accepted if connection.closed is not None
        ]
    if len(found) < FEW:
        return None
    short = [
        connection
        for connection in found
        if connection.closed is not None and connection.closed - connection.opened <= LATE
    ]
    return len(short) < len(found) / 2


@general(410, of_round_robin=True)
def duplicate_address(case: Case) -> Finding | None:
    """The DNS server listed an address more than once."""
    if case.faults or not case.answers or len({attempt.replica for attempt in case.attempts}) < 2:
        return None
    twice = {query.answer for query in case.answers if len(set(query.answer)) < len(query.answer)}
    if not twice:
        return None
    answer = max(twice, key=len)
    listed = f"{many(len(answer), 'record')} with {len(set(answer))} different addresses"
    seen = f"{len(case.attempts)} attempts were spread {tally(attempt.replica for attempt in case.attempts)}"
    return certain("duplicate_address", f"{seen}; DNS had returned {listed}", "an address was listed twice")


@general(415)
def partial_dns_answer(case: Case) -> Finding | None:
    """Every answer left out a replica that is listed, and the calls went to the replicas that were returned."""
    used = {attempt.replica for attempt in case.attempts}
    if case.faults or not case.answers or len(used) < 2:
        return None
    returned = {len(set(query.answer)) for query in case.answers if query.answer}
    if returned != {len(used)} or len(used) >= len(case.replicas):
        return None
    left_out = ", ".join(sorted(set(case.replicas) - used))
    seen = f"DNS returned {len(used)} addresses of {len(case.replicas)} replicas; {left_out} got no calls"
    return certain("partial_dns_answer", seen, "every replica that was returned got calls")


@general(425)
def balanced_by_intermediary(case: Case) -> Finding | None:
    """As many connections as replicas, used in exact turn, and several of them end at the same replica."""
    peers_in_turn = [attempt.peer for attempt in case.attempts]
    used = peers(case.attempts)
    size = len(case.replicas)
    if case.faults or len(used) == size or len(set(peers_in_turn)) != size or len(peers_in_turn) < 3 * size:
        return None
    if any(peer != next_round for peer, next_round in zip(peers_in_turn, peers_in_turn[size:], strict=False)):
        return None
    each_way = "/".join(str(len(used.get(name, ()))) for name in case.replicas)
    used_in_turn = f"{len(peers_in_turn)} attempts used {size} connections in exact turn"
    seen = f"{used_in_turn}, of which {each_way} led to the replicas"
    return likely("balanced_by_intermediary", seen, f"a pool of {size} pick_first channels in turn would look the same")


def _in_use(case: Case) -> list[str]:
    """Return the replicas of all attempts since each had one: before, some may not have been connected yet."""
    order = [attempt.replica for attempt in case.attempts]
    return order[max((order.index(name) for name in set(order)), default=0) :]


@general(435, of_round_robin=True)
def wrong_policy(case: Case) -> Finding | None:
    """One connection to each replica, all in use, and not in turn."""
    used = peers(case.attempts)
    # one that is not in use may be silent since before this gateway, which no fault of its time explains
    if case.faults or set(used) != set(case.replicas) or set(map(len, used.values())) != {1} or case.failed:
        return None
    order = _in_use(case)
    size = len(case.replicas)
    breaks = sum(name != next_round for name, next_round in zip(order, order[size:], strict=False))
    counts = [order.count(name) for name in used]
    if len(order) < 2 * size or not (breaks if serial(case.calls) else max(counts) - min(counts) > 1):
        return None
    if finding := restarted_rotation(case, case.promises.refresh_interval) or several_rotations(case, order):
        return finding
    seen = f"{len(order)} attempts over one connection to each replica were spread {tally(order)}"
    if not serial(case.calls):
        because = "round_robin picks replicas in turn, however many callers there are"
        return rotation_for_each_caller(case, seen) or likely("wrong_policy", seen, because)
    if period := _pattern(order, used):
        return likely("unequal_weights", f"{seen}, repeating the same {period} steps", "a pattern, and not 1:1:1")
    seen += f"; {breaks} of {len(order) - size} broke the order of the round before, and no pattern repeats"
    return likely("wrong_policy", seen, "round_robin keeps one order")


def _pattern(order: Sequence[str], used: Iterable[str]) -> int:
    """Return after how many steps calls repeat, some replicas more often than others; 0 if they do not."""
    names = list(used)
    for period in range(len(names) + 1, min(len(order) // 2, MOST_STEPS)):
        steps = order[:period]
        weighted = len({steps.count(name) for name in names}) > 1
        if weighted and all(name == later for name, later in zip(order, order[period:], strict=False)):
            return period
    return 0
