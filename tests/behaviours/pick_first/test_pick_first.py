"""pick_first keeps to one replica: the first in the order listed that connects, until that connection is lost."""

import pytest

from tests.behaviours.mutants import ONE_ADDRESS, POLLING, SLOW_RECONNECT, SLOW_RESOLUTION, WAITS_FOR_READY
from tests.behaviours.pick_first import causes
from tests.behaviours.pick_first.mutants import (
    DIALS_UNASKED,
    NOT_SHUFFLED,
    PICK_FIRST_CONFIG,
    ROUND_ROBIN_BY_DEFAULT,
    ROUND_ROBIN_INSTEAD,
    SHUFFLED,
    SHUFFLED_CONFIG,
    SLOW_EYEBALLS,
)
from tests.behaviours.recovery import causes as recovery_causes
from tests.harness.behaviour import (
    JITTER,
    TIMER,
    Block,
    Budgets,
    Dns,
    Environment,
    InconclusiveError,
    Listeners,
    Measured,
    Orders,
    Promises,
    Replica,
    consistently,
    eventually,
    explained_by,
    records_stay,
    written,
)
from tests.harness.subject.service_configs import without_policy

pytestmark = [pytest.mark.extended, pytest.mark.settles_when_served]

picks_first = pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG))

FLOOR = 1.0
"""Seconds between two questions to the name server, for behaviours that change the list before the second one."""

asks_while_connected = pytest.mark.gateway(
    GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG), DNS_MIN_RESOLUTION_INTERVAL_MS=str(int(FLOOR * 1000))
)

SHUFFLED_DOORS = 12
"""Two orders of twelve that are equal, or one that is the order listed, come by chance with 6e-9."""

DOORS = 8
"""Addresses that are tried before the first replica: eight in just the order listed come by chance with 1.5e-7."""

CALLERS = 16
"""Side by side, so that whatever depends on the caller shows: each on the same one of three by chance with 7e-8."""

EYEBALLS = 0.25
"""Seconds that an address has before the next one is tried beside it; gRPC's default."""

EYEBALLS_LEAST = 0.1
"""Seconds; no client may be set to less (RFC 8305 section 5)."""

BACKOFF = 1.0
"""Seconds until an address that refused may be dialled again: longer than a killed replica takes to be back."""

dials_late = pytest.mark.gateway(
    GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG),
    INITIAL_RECONNECT_BACKOFF_MS=str(int(BACKOFF * 1000)),
    MAX_RECONNECT_BACKOFF_MS=str(int(BACKOFF * 1000)),
)

UNSEEN = 1.0
"""Seconds without a call. A gateway that dials more than that after the loss passes unnoticed."""


def _served_by_the_first(block: Block, name: str) -> bool:
    """
    Say whether this replica, the first one that can be connected to, served every call.

    Raises InconclusiveError where connecting took so long that another one was rightly tried beside it.
    """
    others = set(block.served) - {name}
    if others and not block.failed and block.replies[0].seconds >= EYEBALLS:
        raise InconclusiveError(f"the first call took {block.replies[0].seconds:.2f} s, in which others may be tried")
    return not others


@pytest.mark.claims("PF-01", "F01", source="grpc/grpc doc/service_config.md; doc/load-balancing.md, pick_first")
@pytest.mark.catches(ROUND_ROBIN_BY_DEFAULT)
@explained_by(causes.called_in_turn, causes.connected_to_several)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(without_policy()))
def test_without_a_policy_all_calls_go_to_one_replica(orders: Orders, measured: Measured) -> None:
    """Where the service config names no policy, all calls of all callers go to one replica."""
    block = orders.place(5 * CALLERS, callers=CALLERS)
    measured(f"{len(block.replies)} calls {block.tally}, failed {len(block.failed)}", bound="all on one, none failed")

    assert not block.failed
    assert len(set(block.served)) == 1


@pytest.mark.claims("PF-03", source="grpc/grpc doc/load-balancing.md, pick_first; gRFC A61, Happy Eyeballs")
@pytest.mark.catches(ROUND_ROBIN_INSTEAD)
@explained_by(causes.called_in_turn, causes.connected_to_several)
@picks_first
def test_all_calls_share_one_connection(orders: Orders, environment: Environment, measured: Measured) -> None:
    """However many calls there are, the gateway has one connection, to the replica that serves them."""
    block = orders.place(5 * CALLERS, callers=CALLERS)
    connections = environment.connections()
    measured(f"{block.tally}, connections {connections}, failed {len(block.failed)}", bound="1, none failed")

    assert not block.failed
    assert {attempt.replica: 1 for attempt in block.attempts} == {name: n for name, n in connections.items() if n}
    assert len({attempt.peer for attempt in block.attempts}) == 1


@pytest.mark.claims("PF-02", source="grpc/grpc doc/load-balancing.md, pick_first; gRFC A62, Background")
@pytest.mark.catches(SHUFFLED)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.out_of_order, causes.redialled)
@picks_first
def test_addresses_are_tried_in_the_order_listed(
    orders: Orders,
    environment: Environment,
    listeners: Listeners,
    names: list[str],
    promises: Promises,
    measured: Measured,
) -> None:
    """Addresses that do not connect are each tried once, in the order listed, and the first replica gets the calls."""
    doors = listeners.start_closing(DOORS)
    environment.fresh_gateway()
    block = orders.place(3)
    for look in consistently(during=promises.reconnects_within, what="no address is tried again"):
        with look:
            tried = [doors.index(door) + 1 for door in listeners.dialled()]
            measured(f"tried {tried}, then {block.tally}", bound=f"{list(range(1, DOORS + 1))}, then {names[0]}")
            assert tried == list(range(1, DOORS + 1))

    assert _served_by_the_first(block, names[0])


@pytest.mark.claims("PF-04", source="grpc/grpc doc/load-balancing.md, pick_first")
@pytest.mark.catches(ONE_ADDRESS)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.no_other_address)
@picks_first
def test_an_address_that_refuses_costs_no_call(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Where the first address listed refuses, the first call is served by the next one at once."""
    dns.list_in_order(names)
    replicas[0].kill()
    environment.fresh_gateway()
    block = orders.place(3)
    slowest = max(reply.seconds for reply in block.replies)
    measured(f"{block.tally}, failed {len(block.failed)}, slowest {slowest:.2f} s", bound=f"within {budgets.slack} s")

    assert _served_by_the_first(block, names[1])
    assert slowest <= budgets.slack


@pytest.mark.claims(
    "PF-05", "CONN-05", source="grpc/grpc doc/load-balancing.md, pick_first; gRPC C-core pick_first.cc, GoIdle"
)
@pytest.mark.catches(DIALS_UNASKED, ROUND_ROBIN_INSTEAD)
@explained_by(
    causes.called_in_turn, causes.connected_to_several, causes.dialled_alongside, causes.dialled_without_a_call
)
@picks_first
def test_a_lost_connection_waits_for_a_call(
    orders: Orders, environment: Environment, dns: Dns, replicas: list[Replica], names: list[str], measured: Measured
) -> None:
    """After its replica is gone the gateway connects to none until a call, and then to the first address again."""
    dns.list_in_order(names)
    environment.fresh_gateway()
    (before,) = orders.place().served
    lost = next(replica for replica in replicas if replica.name == before)
    lost.kill()
    lost.start()
    for look in consistently(during=UNSEEN, every=0.1):
        with look:
            connections = environment.connections()
            measured(f"connections {connections}", bound="none")
            assert not any(connections.values())
    block = orders.place(3)
    measured(f"none until a call, then {block.tally} by {block.served[0]}", bound=f"none, then all by {names[0]}")

    assert _served_by_the_first(block, names[0])


@pytest.mark.claims("PF-06", source="grpc/grpc doc/load-balancing.md, pick_first")
@pytest.mark.catches(POLLING)
@explained_by(causes.called_in_turn, causes.redialled, causes.connected_to_several, causes.moved_unprompted)
@dials_late
def test_calls_stay_where_they_are_when_an_earlier_address_is_back(
    orders: Orders, environment: Environment, dns: Dns, replicas: list[Replica], names: list[str], measured: Measured
) -> None:
    """When the first address is lost calls move to the next one, and nothing moves back when it listens again."""
    dns.list_in_order(names)
    environment.fresh_gateway()
    (before,) = orders.place().served
    lost = next(replica for replica in replicas if replica.name == before)
    lost.kill()
    moved = orders.place(2)
    lost.start()
    after = orders.place(int((BACKOFF * (1 + JITTER) + UNSEEN) * 20), rate=20)
    connections = environment.connections()
    measured(
        f"from {before} to {moved.served}, then {after.tally}, connections {connections}",
        bound="to another one, then all on that, connected to no other",
    )

    assert not {before, None} & set(moved.served)
    assert set(after.served) == {moved.served[-1]}
    assert [name for name, count in connections.items() if count] == [moved.served[-1]]


@pytest.mark.claims("PF-08", source="gRFC A61, Happy Eyeballs in the pick_first LB Policy; RFC 8305 section 5")
@pytest.mark.catches(SLOW_EYEBALLS)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.waits_on_silent_replica)
@pytest.mark.feature("happy-eyeballs")
@picks_first
def test_a_silent_address_is_not_waited_for(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Where the first address accepts and says nothing, the next one is tried beside it after 250 ms."""
    dns.list_in_order(names)
    replicas[0].pause()
    environment.fresh_gateway()
    block = orders.place()
    (reply,) = block.replies
    most = EYEBALLS + budgets.slack
    measured(f"{block.served} after {reply.seconds:.2f} s", bound=f"{names[1]} after {EYEBALLS_LEAST} to {most:.2f} s")

    assert block.served == [names[1]]
    assert EYEBALLS_LEAST - TIMER <= reply.seconds <= most


@pytest.mark.claims("PF-09", source="gRFC A62, Use sticky-TF by default; grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(WAITS_FOR_READY, SLOW_RECONNECT)
@explained_by(recovery_causes.waits_for_ready, causes.stays_down)
@picks_first
@records_stay
def test_an_outage_fails_calls_at_once_and_ends_without_one(
    orders: Orders,
    environment: Environment,
    replicas: list[Replica],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """With no replica left calls fail at once, and when one is back the gateway connects without waiting for a call."""
    for replica in replicas:
        replica.kill()
    orders.place()  # it may still meet the connection as it breaks
    down = orders.place(3, callers=3)
    slowest, most = max(reply.seconds for reply in down.replies), budgets.fail_fast
    measured(f"failed {len(down.failed)}, slowest {slowest:.2f} s", bound=f"all, within {most:.2f} s")
    assert len(down.failed) == 3
    assert slowest <= most
    environment.restart_replicas()
    for look in eventually(within=budgets.reconnect, what="the gateway has connected"):
        with look:
            assert any(environment.connections().values())
    measured(f"failed 3, slowest {slowest:.2f} s; connected within {budgets.reconnect:.1f} s")
    assert not orders.place(3).failed


@pytest.mark.claims("PF-07", source="gRFC A62, Enable random shuffling of address list; grpc-proto, PickFirstConfig")
@pytest.mark.catches(NOT_SHUFFLED)
@explained_by(causes.not_shuffled)
@pytest.mark.feature("address-shuffling")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(SHUFFLED_CONFIG))
def test_shuffled_addresses_are_tried_in_an_order_of_their_own(
    orders: Orders, environment: Environment, listeners: Listeners, measured: Measured
) -> None:
    """With shuffleAddressList two gateways try every address listed, in two orders, neither of them the one listed."""
    doors = listeners.start_closing(SHUFFLED_DOORS, instead=True)
    tried = []
    for _ in range(2):
        started = environment.fresh_gateway()
        orders.place()
        for look in eventually(within=environment.budgets.slack, what="every address was tried"):
            with look:
                dialled = listeners.dialled(since=started)
                assert len(dialled) >= SHUFFLED_DOORS
        tried.append([doors.index(door) + 1 for door in dialled[:SHUFFLED_DOORS]])
    listed = list(range(1, SHUFFLED_DOORS + 1))
    measured(f"tried {tried[0]} and {tried[1]}", bound="all of them, in two orders, neither the one listed")

    assert [sorted(each) for each in tried] == [listed, listed]
    assert tried[0] != tried[1]
    assert listed not in tried


def _listed_anew(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], *, kept: bool
) -> tuple[str | None, float | None]:
    """
    List the replicas with the connected one last, or without it, and return that and when the gateway was told.

    A connection that is lost within the floor gives it a question to ask once the floor has passed, with the next one
    open. It was told at None if it did not ask.
    """
    dns.list_in_order(names)
    started = environment.fresh_gateway()
    orders.place()
    for _ in range(5):
        (lost,) = orders.place(plan="CLOSE,OK").replies
        asked = dns.address_queries(since=started)
        if not asked or asked[-1].monotonic < lost.sent:
            break
    others = [name for name in names if name != lost.served_by]
    listed = dns.list_in_order([*others, *(name for name in names if kept and name not in others)])
    if asked and listed >= asked[-1].monotonic + FLOOR:
        raise InconclusiveError("the list was changed too late: the gateway may have asked before")
    query = dns.wait_for_query(since=listed, within=FLOOR + environment.budgets.slack)
    return lost.served_by, query.monotonic if query else None


@pytest.mark.claims("PF-10", source="gRFC A61, Address List Updates in pick_first")
@pytest.mark.catches(POLLING)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.moved_unprompted)
@asks_while_connected
def test_a_replica_that_is_still_listed_keeps_the_calls(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], measured: Measured
) -> None:
    """When a new list has the connected replica further down, calls stay on it, over the same connection."""
    connected, asked = _listed_anew(orders, environment, dns, names, kept=True)
    block = orders.place(int(UNSEEN * 10), rate=20)
    peers = {attempt.peer for attempt in block.attempts}
    measured(f"asked: {asked is not None}, then {block.tally}", bound=f"then all on {connected}, over 1 connection")

    assert asked is not None
    assert set(block.served) == {connected}
    assert len(peers) == 1


@pytest.mark.claims("PF-10", "F14", source="gRFC A61, Address List Updates in pick_first; gRPC C-core pick_first.cc")
@pytest.mark.catches(SLOW_RESOLUTION)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.not_re_resolved)
@asks_while_connected
def test_a_replica_that_is_not_listed_any_more_loses_the_calls(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """When a new list lacks the connected replica, calls go to the first one of that list, and none fails."""
    connected, asked = _listed_anew(orders, environment, dns, names, kept=False)
    assert asked is not None, "it lost a connection and did not ask the name server again"
    with orders.load(rate=30) as load:
        for look in eventually(within=budgets.slack, what="another replica serves"):
            with look:
                moved = [reply for reply in load.replies if reply.ok and reply.served_by != connected]
                assert moved, f"{connected} is not listed any more and serves"
    after = orders.place(5)
    measured(
        f"moved after {moved[0].received - asked:.2f} s, failed {len(load.block().failed)}",
        bound=f"within {budgets.slack} s, none",
    )

    assert not load.block().failed
    assert set(after.served) == {moved[0].served_by}
