"""pick_first uses one replica: the first in the listed order that connects, until that connection is lost."""

import pytest

from tests.behaviours.mutants import ONE_ADDRESS, POLLING, SLOW_RECONNECT, SLOW_RESOLUTION, WAITS_FOR_READY
from tests.behaviours.pick_first import causes
from tests.behaviours.pick_first.controls import PICKS_FIRST
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
from tests.behaviours.pick_first.shared import EYEBALLS, INTERVAL, relisted, served_by_the_first
from tests.behaviours.recovery import causes as recovery_causes
from tests.harness.behaviour import (
    JITTER,
    TIMER,
    Budgets,
    Dns,
    Environment,
    Listeners,
    Measured,
    Orders,
    Promises,
    Replica,
    consistently,
    eventually,
    explained_by,
    records_stay,
    without_policy,
    written,
)

pytestmark = [pytest.mark.extended, pytest.mark.settles_when_served]

picks_first = pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG))

queries_while_connected = pytest.mark.gateway(
    GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG), DNS_MIN_RESOLUTION_INTERVAL_MS=str(int(INTERVAL * 1000))
)

SHUFFLED_ADDRESSES = 12
"""Two equal orders of twelve, or one that equals the listed order, occur by chance with 6e-9."""

DEAD_ADDRESSES = 8
"""Addresses that are tried before the first replica: eight in the listed order occur by chance with 1.5e-7."""

CALLERS = 16
"""Concurrent, so that any dependence on the caller shows: all on the same of three replicas by chance with 7e-8."""

EYEBALLS_LEAST = 0.1
"""Seconds; the minimum that RFC 8305, section 5, allows."""

BACKOFF = 1.0
"""Seconds until a refusing address may be redialled: longer than a killed replica takes to restart."""

redials_late = pytest.mark.gateway(
    GRPC_SERVICE_CONFIG=written(PICK_FIRST_CONFIG),
    INITIAL_RECONNECT_BACKOFF_MS=str(int(BACKOFF * 1000)),
    MAX_RECONNECT_BACKOFF_MS=str(int(BACKOFF * 1000)),
)

UNSEEN = 1.0
"""Seconds without a call. A gateway that redials later than this after the loss passes unnoticed."""


@pytest.mark.claims("PF-01", "F01", source="grpc/grpc doc/service_config.md; doc/load-balancing.md, pick_first")
@pytest.mark.catches(ROUND_ROBIN_BY_DEFAULT)
@explained_by(causes.called_in_turn, causes.connected_to_several)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(without_policy()))
def test_without_a_policy_all_calls_go_to_one_replica(orders: Orders, measured: Measured) -> None:
    """Without a policy in the service config, all calls of all callers go to one replica."""
    block = orders.place(5 * CALLERS, callers=CALLERS)
    measured(f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed", bound="all on one, none failed")

    assert not block.failed
    assert len(set(block.served)) == 1


@pytest.mark.claims("PF-03", source="grpc/grpc doc/load-balancing.md, pick_first; gRFC A61, Happy Eyeballs")
@pytest.mark.catches(ROUND_ROBIN_INSTEAD)
@explained_by(causes.called_in_turn, causes.connected_to_several)
@picks_first
def test_pick_first_uses_one_connection_for_all_calls(
    orders: Orders, environment: Environment, measured: Measured
) -> None:
    """The gateway has one connection, to the replica that serves all calls, however many callers there are."""
    block = orders.place(5 * CALLERS, callers=CALLERS)
    connections = environment.connections()
    measured(
        f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed, connections {connections}",
        bound="1 connection, none failed",
    )

    assert not block.failed
    assert {attempt.replica: 1 for attempt in block.attempts} == {name: n for name, n in connections.items() if n}
    assert len({attempt.peer for attempt in block.attempts}) == 1


@pytest.mark.claims("PF-02", source="grpc/grpc doc/load-balancing.md, pick_first; gRFC A62, Background")
@pytest.mark.catches(SHUFFLED)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.out_of_order, causes.redialled)
@picks_first
def test_pick_first_tries_addresses_in_the_listed_order(
    orders: Orders,
    environment: Environment,
    listeners: Listeners,
    names: list[str],
    promises: Promises,
    measured: Measured,
) -> None:
    """Dead addresses are tried once each, in the listed order, and the first replica after them gets the calls."""
    dead = listeners.start_closing(DEAD_ADDRESSES)
    environment.fresh_gateway()
    block = orders.place(3)
    for look in consistently(during=promises.reconnects_within, what="no address is redialled"):
        with look:
            tried = [dead.index(address) + 1 for address in listeners.dialled()]
            measured(
                f"tried {tried}, then {block.tally}", bound=f"{list(range(1, DEAD_ADDRESSES + 1))}, then {names[0]}"
            )
            assert tried == list(range(1, DEAD_ADDRESSES + 1))

    assert served_by_the_first(block, names[0])


@pytest.mark.claims("PF-04", source="grpc/grpc doc/load-balancing.md, pick_first")
@pytest.mark.catches(ONE_ADDRESS)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.no_other_address)
@picks_first
def test_pick_first_skips_a_refusing_address(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When the first listed address refuses, the next one serves the first call immediately."""
    dns.list_in_order(names)
    replicas[0].kill()
    environment.fresh_gateway()
    block = orders.place(3)
    slowest = max(reply.seconds for reply in block.replies)
    measured(
        f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed, slowest {slowest:.2f} s",
        bound=f"no failures; within {budgets.slack} s",
    )

    assert served_by_the_first(block, names[1])
    assert slowest <= budgets.slack


@pytest.mark.claims(
    "PF-05", "CONN-05", source="grpc/grpc doc/load-balancing.md, pick_first; gRPC C-core pick_first.cc, GoIdle"
)
@pytest.mark.catches(DIALS_UNASKED, ROUND_ROBIN_INSTEAD)
@explained_by(
    causes.called_in_turn, causes.connected_to_several, causes.dialled_alongside, causes.dialled_without_a_call
)
@picks_first
def test_pick_first_reconnects_only_for_the_next_call(
    orders: Orders, environment: Environment, dns: Dns, replicas: list[Replica], names: list[str], measured: Measured
) -> None:
    """After losing its replica the gateway stays disconnected until the next call, then dials the first address."""
    dns.list_in_order(names)
    environment.fresh_gateway()
    (before,) = orders.place().served
    lost = next(replica for replica in replicas if replica.name == before)
    lost.kill()
    lost.start()
    for look in consistently(during=UNSEEN, every=0.1):
        with look:
            connections = environment.connections()
            measured(f"open connections {connections}", bound="none without a call")
            assert not any(connections.values())
    block = orders.place(3)
    measured(
        f"no connection until a call, then {block.tally} on {block.served[0]}",
        bound=f"no connection, then all on {names[0]}",
    )

    assert served_by_the_first(block, names[0])


@pytest.mark.claims("PF-06", source="grpc/grpc doc/load-balancing.md, pick_first")
@pytest.mark.catches(POLLING)
@explained_by(causes.called_in_turn, causes.redialled, causes.connected_to_several, causes.moved_unprompted)
@redials_late
def test_pick_first_does_not_fail_back_to_an_earlier_address(
    orders: Orders, environment: Environment, dns: Dns, replicas: list[Replica], names: list[str], measured: Measured
) -> None:
    """When the first address is lost calls move to the next one, and they stay there when the first one returns."""
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
        bound="to another replica, then all on that one, connected to no other",
    )

    assert not {before, None} & set(moved.served)
    assert set(after.served) == {moved.served[-1]}
    assert [name for name, count in connections.items() if count] == [moved.served[-1]]


@pytest.mark.claims("PF-08", source="gRFC A61, Happy Eyeballs in the pick_first LB Policy; RFC 8305 section 5")
@pytest.mark.catches(SLOW_EYEBALLS)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.waits_on_silent_replica)
@pytest.mark.feature("happy-eyeballs")
@picks_first
def test_happy_eyeballs_skips_an_unresponsive_address(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When the first address accepts and sends nothing, the next one is tried in parallel after 250 ms."""
    dns.list_in_order(names)
    replicas[0].pause()
    environment.fresh_gateway()
    block = orders.place()
    (reply,) = block.replies
    most = EYEBALLS + budgets.slack
    measured(
        f"served by {block.served[0]} after {reply.seconds:.2f} s",
        bound=f"{names[1]} after {EYEBALLS_LEAST} to {most:.2f} s",
    )

    assert block.served == [names[1]]
    assert EYEBALLS_LEAST - TIMER <= reply.seconds <= most


@pytest.mark.claims("PF-09", source="gRFC A62, Use sticky-TF by default; grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(WAITS_FOR_READY, SLOW_RECONNECT)
@pytest.mark.acquits(PICKS_FIRST)
@explained_by(recovery_causes.waits_for_ready, causes.stays_down)
@pytest.mark.promised("fail fast")
@pytest.mark.or_promised("pick_first")
@picks_first
@records_stay
def test_pick_first_fails_fast_in_an_outage_and_reconnects_without_a_call(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """With all replicas down calls fail fast, and when they return the gateway reconnects without a call."""
    for replica in replicas:
        replica.kill()
    orders.place()  # this call may still use the connection as it breaks
    down = orders.place(3, callers=3)
    slowest, most = max(reply.seconds for reply in down.replies), budgets.fail_fast
    measured(
        f"{[reply.code for reply in down.replies]}, slowest {slowest:.2f} s", bound=f"UNAVAILABLE within {most:.2f} s"
    )
    assert {reply.code for reply in down.replies} <= budgets.promises.unserved_codes
    assert len(down.failed) == 3
    assert slowest <= most
    environment.restart_replicas()
    for look in eventually(within=budgets.reconnect, what="the gateway has reconnected"):
        with look:
            assert any(environment.connections().values())
    measured(f"3 of 3 calls failed, slowest {slowest:.2f} s; reconnected within {budgets.reconnect:.1f} s")
    assert not orders.place(3).failed


@pytest.mark.claims("PF-07", source="gRFC A62, Enable random shuffling of address list; grpc-proto, PickFirstConfig")
@pytest.mark.catches(NOT_SHUFFLED)
@explained_by(causes.not_shuffled)
@pytest.mark.feature("address-shuffling")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(SHUFFLED_CONFIG))
def test_shuffle_address_list_randomises_the_address_order(
    orders: Orders, environment: Environment, listeners: Listeners, measured: Measured
) -> None:
    """With shuffleAddressList two gateways try all listed addresses in two orders, neither of them the listed one."""
    dead = listeners.start_closing(SHUFFLED_ADDRESSES, instead=True)
    tried = []
    for _ in range(2):
        started = environment.fresh_gateway()
        orders.place()
        for look in eventually(within=environment.budgets.slack, what="every address was tried"):
            with look:
                first_dials = dict.fromkeys(listeners.dialled(since=started))  # a client may dial one twice
                assert len(first_dials) >= SHUFFLED_ADDRESSES
        tried.append([dead.index(address) + 1 for address in first_dials])
    listed = list(range(1, SHUFFLED_ADDRESSES + 1))
    measured(f"tried {tried[0]} and {tried[1]}", bound="all of them, in two orders, neither the listed one")

    assert [sorted(order) for order in tried] == [listed, listed]
    assert tried[0] != tried[1]
    assert listed not in tried


@pytest.mark.claims("PF-10", source="gRFC A61, Address List Updates in pick_first")
@pytest.mark.catches(POLLING)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.moved_unprompted)
@queries_while_connected
def test_pick_first_keeps_its_replica_while_it_is_listed(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], measured: Measured
) -> None:
    """When a new DNS answer lists the connected replica last, calls stay on it, over the same connection."""
    connected, resolved = relisted(orders, environment, dns, names, kept=True)
    block = orders.place(int(UNSEEN * 10), rate=20)
    peers = {attempt.peer for attempt in block.attempts}
    answer = "re-resolved" if resolved is not None else "never re-resolved"
    measured(f"{answer}, then {block.tally}", bound=f"re-resolved, then all on {connected}, over 1 connection")

    assert resolved is not None
    assert set(block.served) == {connected}
    assert len(peers) == 1


@pytest.mark.claims("PF-10", "F14", source="gRFC A61, Address List Updates in pick_first; gRPC C-core pick_first.cc")
@pytest.mark.catches(SLOW_RESOLUTION)
@explained_by(causes.called_in_turn, causes.connected_to_several, causes.not_re_resolved)
@queries_while_connected
def test_pick_first_leaves_a_replica_removed_from_dns(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """When a new DNS answer lacks the connected replica, calls move to a listed one, and no call fails."""
    connected, resolved = relisted(orders, environment, dns, names, kept=False)
    assert resolved is not None, "it lost a connection and never re-resolved"
    with orders.load(rate=30) as load:
        for look in eventually(within=budgets.slack, what="another replica serves"):
            with look:
                moved = [reply for reply in load.replies if reply.ok and reply.served_by != connected]
                assert moved, f"{connected} is no longer listed and still serves"
    after = orders.place(5)
    measured(
        f"moved after {moved[0].received - resolved:.2f} s, {len(load.block().failed)} calls failed",
        bound=f"within {budgets.slack} s, no failures",
    )

    assert not load.block().failed
    assert set(after.served) == {moved[0].served_by}
