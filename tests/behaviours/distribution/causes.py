"""Why calls are not spread as round_robin spreads them: rules that hold while nothing is broken on purpose."""

from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, peers, serial, tally, undecided
from tests.harness.causes.rules import general

FEW = 4
"""Fewer attempts than this show no distribution."""

BY_CHANCE = 1e-6
"""What happens by chance with less than this probability is taken for certain not to have."""


@general(440)
def served_by_changed(case: Case) -> Finding | None:
    """Replies name another replica than the one that answered."""
    said = [call for call in case.calls if call.ok and call.attempts]
    wrong = [call for call in said if call.served_by not in {each.replica for each in call.attempts}]
    if not wrong:
        return None
    example = f"such as {wrong[0].served_by} for {wrong[0].attempts[-1].replica}"
    seen = f"{len(wrong)} of {many(len(said), 'reply', 'replies')} named another replica than answered, {example}"
    return certain("served_by_changed", seen, "the replicas' ledgers hold who answered")


@general(400)
def called_twice(case: Case) -> Finding | None:
    """One request led to several attempts, though the first one was answered OK."""
    twice = [call for call in case.calls if len([each for each in call.attempts if each.code == "OK"]) > 1]
    if not twice or case.faults or len(twice) < len(case.calls) / 2:
        return None
    total = sum(len(call.attempts) for call in twice)
    seen = f"{len(twice)} of {many(len(case.calls), 'request')} made {total} attempts, though the first was answered OK"
    if any(each.previous_attempts for call in twice for each in call.attempts):
        return likely("hedged", seen, "the later attempts carry grpc-previous-rpc-attempts, as hedged ones do")
    return certain("called_twice", seen, "none carries grpc-previous-rpc-attempts, so they are calls of their own")


@general(430, of_round_robin=True)
def one_replica(case: Case) -> Finding | None:
    """Every attempt went to one replica: by policy, by name, or because the caller is tied to it."""
    used = {each.replica for each in case.attempts}
    if case.faults or len(used) != 1 or len(case.replicas) < 2 or len(case.attempts) < FEW:
        return None
    (replica,) = used
    connections = many(len(peers(case.attempts)[replica]), "connection")
    seen = f"{len(case.attempts)} of {len(case.attempts)} attempts went to {replica}, over {connections}"
    if callers := _tied(case):
        seen += f"; other callers' went to {callers}"
        return certain("tied_to_caller", seen, "each caller met one replica only, and not all the same one")
    return _one_replica_by_name(case, seen)


def by_name(case: Case, seen: str) -> Finding | None:
    """Say of calls to one replica whether the name had but one address; None where it is known to have more."""
    if case.answers is None:
        which = "what the name resolves to where the gateway runs: one address, or one for each replica"
        return undecided(("pick_first", "one_address"), seen, which)
    if not case.answers:
        return certain("address_list", f"{seen}; it never asked the name server", "a name would have been asked for")
    if _told(case) < 2:
        return certain("one_address", f"{seen}; {_answered(case)}", "it was told of one replica only")
    return None


def _told(case: Case) -> int:
    return max(len(set(query.answer)) for query in case.answers or [])


def _answered(case: Case) -> str:
    return f"the name server had answered {many(_told(case), 'address', 'addresses')}"


def _one_replica_by_name(case: Case, seen: str) -> Finding:
    """Tell a policy that uses one address from a name that has but one."""
    if finding := by_name(case, seen):
        return finding
    seen += f"; {_answered(case)}"
    if idle := sorted({each.replica for each in case.connections} - {each.replica for each in case.attempts}):
        seen += f"; connections to {', '.join(idle)} were open and carried nothing"
        return likely("tied_to_caller", seen, "another caller would tell: it would meet another replica")
    callers = len(case.by_caller)
    if len(case.replicas) ** (1 - callers) < BY_CHANCE:
        return certain("pick_first", seen, f"round_robin would use each of them, and {callers} callers met only one")
    because = "to so few callers a gateway that ties each of them to a replica may look the same"
    return likely("pick_first", seen, because)


def _tied(case: Case) -> str:
    """Return the other replicas that callers met, if each caller met one only; "" otherwise."""
    met = {
        caller: {each.replica for call in calls for each in call.attempts} for caller, calls in case.by_caller.items()
    }
    if any(len(replicas) > 1 for replicas in met.values()):
        return ""
    here = {each.replica for each in case.attempts}
    return ", ".join(sorted(set().union(*met.values()) - here))


@general(405)
def connection_per_call(case: Case) -> Finding | None:
    """Every call came over a connection of its own: a channel for each request, or for each caller."""
    used = {each.peer for each in case.attempts}
    if case.faults or len(case.attempts) < FEW or len(used) < 0.9 * len(case.attempts):
        return None
    seen = f"{len(case.attempts)} attempts came over {len(used)} connections"
    kept = closed_at_once = 0
    for calls in case.by_caller.values():
        if len(calls) <= len(case.replicas):  # of a round_robin channel they may all be the first ones
            continue
        count = len({each.peer for call in calls for each in call.attempts})
        kept += count < len(calls)
        closed_at_once += count == len(calls)
    if not kept and not closed_at_once:
        lasted = _lasted(case)
        kept, closed_at_once = (0, 0) if lasted is None else (int(lasted), int(not lasted))
    if closed_at_once:
        return certain("channel_per_request", seen, "the calls of one caller came over a new connection each")
    if kept:
        return certain("channel_per_caller", seen, "the calls of one caller share connections, those of others do not")
    which = "whether the calls of one caller share connections: here each came from a caller of its own"
    return undecided(("channel_per_request", "channel_per_caller"), seen, which)


def _lasted(case: Case) -> bool | None:
    """
    Say whether the connections outlived their calls; None where too few of them can tell.

    One that is open tells once its replica has taken a few more since: by then it would have been seen to close.
    """
    used = {each.peer for each in case.attempts}
    mine = [each for each in case.history.connections if each.peer in used]
    found = []
    for replica in {each.replica for each in mine}:
        its = sorted((each for each in mine if each.replica == replica), key=lambda each: each.opened)
        found += [each for each in its[:-FEW] if each.closed is None] + [
            each for each in its if each.closed is not None
        ]
    if len(found) < FEW:
        return None
    short = [each for each in found if each.closed is not None and each.closed - each.opened <= LATE]
    return len(short) < len(found) / 2


@general(410, of_round_robin=True)
def duplicate_address(case: Case) -> Finding | None:
    """The name server listed an address more than once."""
    if case.faults or not case.answers or len({each.replica for each in case.attempts}) < 2:
        return None
    twice = {query.answer for query in case.answers if len(set(query.answer)) < len(query.answer)}
    if not twice:
        return None
    answer = max(twice, key=len)
    listed = f"{many(len(answer), 'record')} with {len(set(answer))} different addresses"
    seen = f"{len(case.attempts)} attempts were spread {tally(each.replica for each in case.attempts)}"
    return certain("duplicate_address", f"{seen}; the name server had answered {listed}", "an address listed twice")


@general(415)
def partial_dns_answer(case: Case) -> Finding | None:
    """Every answer left a replica out that is listed, and the calls went to those that were answered."""
    used = {each.replica for each in case.attempts}
    if case.faults or not case.answers or len(used) < 2:
        return None
    told = {len(set(query.answer)) for query in case.answers if query.answer}
    if told != {len(used)} or len(used) >= len(case.replicas):
        return None
    left_out = ", ".join(sorted(set(case.replicas) - used))
    seen = f"the name server answered {len(used)} addresses of {len(case.replicas)} replicas; {left_out} got no call"
    return certain("partial_dns_answer", seen, "whoever was answered was called")


@general(420, of_round_robin=True)
def channel_pool(case: Case) -> Finding | None:
    """More connections than replicas, used again and again by every caller."""
    used, known = peers(case.attempts), peers([*case.attempts, *case.connections])
    count = sum(len(known[name]) for name in case.replicas)  # a peer that was listed besides has its own
    if case.faults or len(used) < 2 or not len(case.replicas) < count <= len(case.attempts) / 2:
        return None
    each_way = "/".join(str(len(known[name])) for name in sorted(known))
    shares = tally(each.replica for each in case.attempts)
    seen = f"there were {each_way} connections to the replicas, and {len(case.attempts)} attempts were spread {shares}"
    return likely("channel_pool", seen, "a second worker process with a channel of its own would look the same")


@general(425)
def balanced_by_intermediary(case: Case) -> Finding | None:
    """As many connections as replicas, used in exact turn, and several of them end at the same replica."""
    peers_in_turn = [each.peer for each in case.attempts]
    used = peers(case.attempts)
    size = len(case.replicas)
    if case.faults or len(used) == size or len(set(peers_in_turn)) != size or len(peers_in_turn) < 3 * size:
        return None
    if any(one != other for one, other in zip(peers_in_turn, peers_in_turn[size:], strict=False)):
        return None
    each_way = "/".join(str(len(used.get(name, ()))) for name in case.replicas)
    went = f"{len(peers_in_turn)} attempts went round {size} connections in exact turn"
    seen = f"{went}, which led to the replicas {each_way}"
    return likely("balanced_by_intermediary", seen, f"a pool of {size} pick_first channels in turn would look the same")


def _in_use(case: Case) -> list[str]:
    """Return the replicas of all attempts since each had one: before, some may not have been connected yet."""
    order = [each.replica for each in case.attempts]
    return order[max((order.index(name) for name in set(order)), default=0) :]


@general(435, of_round_robin=True)
def wrong_policy(case: Case) -> Finding | None:
    """One connection to each replica, all in use, and not in turn."""
    used = peers(case.attempts)
    # one that is not in use may be silent since before this gateway, which is no fault of its time
    if case.faults or set(used) < set(case.replicas) or set(map(len, used.values())) != {1} or case.failed:
        return None
    order = _in_use(case)
    size = len(case.replicas)
    breaks = sum(one != other for one, other in zip(order, order[size:], strict=False))
    counts = [order.count(name) for name in used]
    if len(order) < 2 * size or not (breaks if serial(case.calls) else max(counts) - min(counts) > 1):
        return None
    seen = f"{len(order)} attempts over one connection to each replica were spread {tally(order)}"
    if not serial(case.calls):
        return likely("wrong_policy", seen, "round_robin hands out replicas in turn to any number of callers")
    for period in range(size + 1, len(order) // 2):
        if all(one == other for one, other in zip(order, order[period:], strict=False)):
            return likely(
                "unequal_weights", f"{seen}, again and again in the same {period} steps", "a pattern, and not 1:1:1"
            )
    seen += f"; {breaks} of {len(order) - size} did not follow the turn before, and no pattern repeats"
    return likely("wrong_policy", seen, "round_robin goes round in one order")
