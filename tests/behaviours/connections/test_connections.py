"""Connections are kept while in use, closed when idle, and redialled with a growing backoff."""

import pytest

from tests.behaviours.connections import causes
from tests.behaviours.connections.mutants import (
    CHANNELZ_OF_ANOTHER,
    LONG_FIRST_BACKOFF,
    NEVER_IDLE,
    NO_JITTER,
    ONE_CONNECTION,
    PATIENT_DIALLING,
    SCALED,
    STEADY_DIALLING,
)
from tests.behaviours.mutants import FROZEN_LIST, SLOW_RECONNECT
from tests.harness.behaviour import (
    ANYWHERE,
    CLOSE,
    GREET,
    READY,
    SILENT,
    Budgets,
    Channelz,
    Dns,
    Environment,
    Listeners,
    Measured,
    Orders,
    Peers,
    Steering,
    backoff_faults,
    backoffs,
    eventually,
    explained_by,
    medians,
    patience,
    recovery,
    spread,
    waiting_faults,
    written,
)

pytestmark = [pytest.mark.extended, pytest.mark.promised("round_robin"), pytest.mark.given_spread_calls]

IDLE = 1.0
"""Seconds; C-core accepts no shorter idle timeout, and may take up to twice as long to notice."""


@pytest.mark.claims("RC-08", "F44", source="grpc/grpc doc/connectivity-semantics-and-api.md, IDLE; gRFC A62")
@pytest.mark.catches(NEVER_IDLE, FROZEN_LIST)
@explained_by(causes.idle_and_never_resolved, causes.never_idle)
@pytest.mark.feature("idle-timeout")
@pytest.mark.gateway(CLIENT_IDLE_TIMEOUT_MS="1000")
def test_an_idle_channel_re_resolves_and_reconnects_on_the_next_call(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """After its idle timeout a channel closes its connections; the next call re-resolves, and no call fails."""
    # needs a separate gateway: a C-core channel becomes idle once in its life, and never again (grpcio 1.85.1)
    for look in eventually(within=2 * IDLE + budgets.slack, every=0.2, what="all connections are closed"):
        with look:
            connections = environment.connections()
            measured(f"open connections {connections}", bound=f"none after {2 * IDLE + budgets.slack:.1f} s")
            assert not any(connections.values())
    with orders.load() as load:
        query = dns.wait_for_query(since=load.started, within=budgets.slack)
        spread_again = recovery(load, since=load.started, over=names, within=budgets.reconnect, outage=True)
    resolved = f"re-resolved after {query.monotonic - load.started:.2f} s" if query else "never re-resolved"
    measured(f"all closed, then {resolved}; {spread_again}", bound="all closed, then re-resolved; no failures")

    assert query is not None
    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, spread_again)


@pytest.mark.claims("CONN-01", "CONN-02", source="grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(STEADY_DIALLING, SLOW_RECONNECT)
@explained_by(causes.backoff)
@pytest.mark.feature("reconnect-backoff")
@pytest.mark.gateway(INITIAL_RECONNECT_BACKOFF_MS="100", MAX_RECONNECT_BACKOFF_MS="400")
def test_a_failing_address_is_redialled_with_exponential_backoff(
    orders: Orders, environment: Environment, listeners: Listeners, budgets: Budgets, measured: Measured
) -> None:
    """The wait between dials starts at the initial backoff and grows 1.6-fold up to the maximum; no call fails."""
    nominal = backoffs(5, 0.1, 0.4)
    listeners.start(5)
    environment.fresh_gateway()
    block = orders.place(10)
    dials = listeners.wait_for_dials(len(nominal) + 1, within=patience(nominal) + budgets.slack)
    measured(
        f"median waits {', '.join(f'{gap * 1000:.0f}' for gap in medians(dials))} ms",
        bound=f"{', '.join(f'{gap * 1000:.0f}' for gap in nominal)} ms, each ± 20 %",
    )

    assert not backoff_faults(dials, nominal, budgets.lag)
    assert not block.failed


LEAST_SPREAD = 0.04
"""
Seconds by which 16 addresses differ in the sum of three backoffs of 300 ms ± 20 %.

The sum of three backoffs lies within any 40 ms with a probability of at most 0.25 (its density is at most
0.75 / 120 ms), all 16 within the same 40 ms with at most 16 · 0.25^15 = 1.5e-8. Timers without jitter fire together:
only a busy machine puts a gap between them.
"""


@pytest.mark.claims("CONN-01", "F31", source="grpc/grpc doc/connection-backoff.md: jitter")
@pytest.mark.catches(NO_JITTER)
@explained_by(causes.no_jitter, causes.backoff)
@pytest.mark.feature("reconnect-backoff")
@pytest.mark.gateway(INITIAL_RECONNECT_BACKOFF_MS="300", MAX_RECONNECT_BACKOFF_MS="300")
def test_reconnect_backoff_is_jittered_per_address(
    orders: Orders, environment: Environment, listeners: Listeners, budgets: Budgets, measured: Measured
) -> None:
    """Each backoff has separate jitter, so that addresses lost together are not redialled together."""
    nominal = backoffs(3, 0.3, 0.3)
    listeners.start(16)
    environment.fresh_gateway()
    orders.place()
    dials = listeners.wait_for_dials(len(nominal) + 1, within=patience(nominal) + budgets.slack)
    apart = spread(dials)
    measured(
        f"the sums of three backoffs differ by {apart * 1000:.0f} ms", bound=f"at least {LEAST_SPREAD * 1000:.0f} ms"
    )

    assert not backoff_faults(dials, nominal, budgets.lag)
    assert apart >= LEAST_SPREAD


@pytest.mark.claims("CONN-06", source="gRFC A14")
@pytest.mark.catches(CHANNELZ_OF_ANOTHER)
@explained_by(causes.channelz_shows_another_channel)
@pytest.mark.feature("channelz")
@pytest.mark.gateway(CHANNELZ_ADDRESS=ANYWHERE)
def test_channelz_agrees_with_the_ledgers(
    orders: Orders,
    environment: Environment,
    channelz: Channelz,
    dns: Dns,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Channelz shows a subchannel for each listed address, READY for each replica, with the calls of its ledger."""
    dead = dns.list_a_dead_address()
    environment.fresh_gateway()
    with orders.load() as load:
        load.wait_until_served(by=names, within=budgets.reconnect)
    block = orders.place(2, plan="UNAVAILABLE")
    attempts = [*load.block().attempts, *block.attempts]
    codes = {name: [attempt.code for attempt in attempts if attempt.replica == name] for name in names}
    shown = channelz.subchannels()
    counted = {
        subchannel.replica: (subchannel.started, subchannel.failed)
        for subchannel in shown
        if dead not in subchannel.replica
    }
    measured(
        f"channelz: {', '.join(f'{subchannel.state} {subchannel.started} calls' for subchannel in shown)}",
        bound=f"READY {', '.join(str(len(ended)) for ended in codes.values())} calls, and one not READY",
    )

    assert len(shown) == len(names) + 1
    assert {subchannel.replica for subchannel in shown if subchannel.state == READY} == set(names)
    assert counted == {name: (len(ended), ended.count("UNAVAILABLE")) for name, ended in codes.items()}


@pytest.mark.claims("CONN-03", "F21", source="grpc/grpc doc/connection-backoff.md, Reset Backoff")
@pytest.mark.catches(LONG_FIRST_BACKOFF)
@explained_by(causes.not_reset, causes.backoff)
@pytest.mark.feature("reconnect-backoff")
@pytest.mark.gateway(INITIAL_RECONNECT_BACKOFF_MS="100", MAX_RECONNECT_BACKOFF_MS="400")
def test_a_successful_connection_resets_the_backoff(
    orders: Orders, environment: Environment, listeners: Listeners, budgets: Budgets, measured: Measured
) -> None:
    """An address that fails again after a successful connection is redialled after the initial backoff."""
    grown = backoffs(4, 0.1, 0.4)
    listeners.start(5, [CLOSE] * len(grown) + [GREET, CLOSE])
    environment.fresh_gateway()
    orders.place()
    dials = listeners.wait_for_dials(len(grown) + 3, within=patience([*grown, 0.1]) + 2 * budgets.slack)
    before, after = medians(dials)[len(grown) - 1], medians(dials)[-1]
    most = patience([0.1]) + budgets.lag
    measured(
        f"backoff {before * 1000:.0f} ms before and {after * 1000:.0f} ms after the connection was ready",
        bound=f"at most {most * 1000:.0f} ms after",
    )

    assert {len(times) for times in dials.values()} == {len(grown) + 3}
    assert after <= most


@pytest.mark.claims("CONN-04", source="grpc/grpc doc/connection-backoff.md, MIN_CONNECT_TIMEOUT")
@pytest.mark.catches(PATIENT_DIALLING)
@explained_by(causes.waits_on_silent_address)
@pytest.mark.feature("connect-timeout")
@pytest.mark.gateway(CONNECT_TIMEOUT_MS="500", INITIAL_RECONNECT_BACKOFF_MS="100", MAX_RECONNECT_BACKOFF_MS="100")
def test_a_connection_attempt_that_hangs_is_abandoned_at_the_connect_timeout(
    orders: Orders, environment: Environment, listeners: Listeners, budgets: Budgets, measured: Measured
) -> None:
    """A connection on which the server sends nothing is abandoned at the connect timeout and redialled."""
    listeners.start(3, [SILENT])
    environment.fresh_gateway()
    block = orders.place(5)
    most = 0.5 + patience([0.1]) + budgets.lag
    dials = listeners.wait_for_dials(3, within=2 * most + budgets.slack)
    gaps = medians(dials)
    measured(f"redialled after {', '.join(f'{gap:.2f}' for gap in gaps)} s", bound=f"0.50 to {most:.2f} s")

    assert len(gaps) == 2
    assert all(0.5 - budgets.lag <= gap <= most for gap in gaps)
    assert not block.failed


@pytest.mark.claims("RC-11", "F60", source="gRFC A105")
@pytest.mark.catches(ONE_CONNECTION)
@explained_by(causes.not_scaled)
@pytest.mark.feature("connection-scaling")
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(SCALED))
def test_a_server_at_its_stream_limit_gets_more_connections(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """While calls wait for a stream the gateway opens more connections, up to maxConnectionsPerSubchannel."""
    peers.start(Steering(answers_after=0.05, most_streams=2), instead=True)
    environment.fresh_gateway()
    orders.place(1)  # the limit is known once a connection is open; before that a client may exceed it
    block = orders.place(36, callers=12)
    connections = {attempt.peer for attempt in block.attempts}
    measured(f"12 callers over {len(connections)} connections of 2 streams", bound="3 connections")

    assert len(connections) == 3
