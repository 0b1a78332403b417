"""Keepalive as a subject promises it, with the configuration that it ships with."""

import pytest

from tests.behaviours.mutants import NO_KEEPALIVE
from tests.harness.behaviour import (
    Budgets,
    Measured,
    Orders,
    Promises,
    Replica,
    eventually,
    fresh_block_faults,
)

pytestmark = [pytest.mark.extended, pytest.mark.promised("keepalive")]

HANGING = 20.0
"""Seconds until a connection attempt that hangs is abandoned, if no `connect_timeout` is promised: gRPC's default."""


@pytest.mark.claims("KA-01", "F34", "F35", source="gRFC A8, Basic Keepalive; grpc/grpc doc/keepalive.md")
@pytest.mark.catches(NO_KEEPALIVE)
@pytest.mark.promised("round_robin")
@pytest.mark.given_spread_calls
@pytest.mark.only_in("loopback", "compose", reason="a pod that does not answer its probe is removed from DNS")
def test_a_frozen_replica_is_dropped_within_the_promised_keepalive(
    orders: Orders,
    replicas: list[Replica],
    names: list[str],
    promises: Promises,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """
    A replica that freezes under load is dropped after the promised keepalive time and timeout.

    It takes as long as that: 36 s with the default of 30 s and 5 s.
    """
    within = promises.keepalive.time + promises.keepalive.timeout + budgets.slack
    frozen = replicas[-1].pause()
    for look in eventually(within=within, what="no call waits for the frozen replica"):
        with look:
            replies = orders.place(len(names)).replies
            measured(f"no call waited for it after {replies[0].sent - frozen:.2f} s", bound=f"within {within:.1f} s")
            assert not [reply for reply in replies if not reply.ok or reply.seconds > budgets.slack]

    assert not fresh_block_faults(orders, names[:-1], budgets.promises)


@pytest.mark.claims("KA-01", "F34", "F35", source="gRFC A8, Basic Keepalive; grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(NO_KEEPALIVE)
@pytest.mark.promised("another policy")
@pytest.mark.settles_when_served
@pytest.mark.only_in("loopback", "compose", reason="a pod that does not answer its probe is removed from DNS")
def test_a_frozen_replica_is_left_within_the_promised_keepalive(
    orders: Orders, replicas: list[Replica], promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """
    Under another promised policy, calls leave a replica that freezes after the promised keepalive time and timeout.

    A client without Happy Eyeballs may first try to connect to it again: so long a connection attempt may hang.
    """
    (used,) = orders.place().served
    frozen = next(replica for replica in replicas if replica.name == used).pause()
    hanging = promises.connect_timeout or HANGING
    within = promises.keepalive.time + promises.keepalive.timeout + hanging + budgets.slack
    for look in eventually(within=within, what="no call waits for the frozen replica"):
        with look:
            replies = orders.place(len(replicas)).replies
            measured(f"no call waited for it after {replies[0].sent - frozen:.2f} s", bound=f"within {within:.1f} s")
            assert not [reply for reply in replies if not reply.ok or reply.seconds > budgets.slack]

    after = orders.place(2 * len(replicas))
    assert not after.failed
    assert used not in after.served
