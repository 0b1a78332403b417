"""
What a gateway uses, in situations that last long enough for the checks to judge it (tests/harness/checks/resources.py).

They take from 4 to 20 seconds each, which is their purpose: a leak, a loop or a connection that is kept shows in no
behaviour that ends after a second.
"""

from itertools import pairwise

import pytest

from tests.behaviours.distribution import causes_connections
from tests.behaviours.resources import causes
from tests.behaviours.resources.mutants import (
    DIALS_IN_A_LOOP,
    DIALS_REMOVED_ADDRESSES,
    KEEPS_REMOVED_ADDRESSES,
    LEAKS_CHANNELS,
    LEAKS_MEMORY,
    QUERIES_IN_A_LOOP,
    SPINS,
)
from tests.harness.behaviour import (
    CALM,
    CLOSE,
    DIALS,
    LINGER,
    QUERIES,
    WARM,
    WINDOW,
    Budgets,
    Dns,
    Environment,
    InconclusiveError,
    Listeners,
    Measured,
    Orders,
    Process,
    Promises,
    Replica,
    consistently,
    eventually,
    explained_by,
)

pytestmark = [pytest.mark.extended]

FEW, MANY = 4, 12
"""Rounds of lost connections: those that fill what a gateway fills once, and those that nothing may grow with."""

SPARE = 6
"""Descriptors and threads that come and go: a query under way, a connection that is still closing, a collector."""

BLOCKS, ORDERS, LEAKED = 4, 600, 24
"""Blocks of orders after a first one, the orders in each, and the MiB by which memory may grow in every one of them."""

CONTRACT = "docs/reference/contract.md, Tier 1: every subject"


@pytest.mark.claims("USE-01", source=CONTRACT)
@pytest.mark.catches(LEAKS_CHANNELS)
@explained_by(causes.leak)
def test_lost_connections_leak_nothing(
    orders: Orders, process: Process, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """After many lost connections a gateway has as many descriptors, connections and threads as after a few."""
    few = _after_losses(FEW, orders, process, names, budgets)
    many = _after_losses(MANY, orders, process, names, budgets)
    measured(
        f"after {FEW} rounds of lost connections {few[0]} descriptors, {few[1]} threads; "
        f"after {MANY} more {many[0]} and {many[1]}",
        bound=f"at most {SPARE} more",
    )

    assert many[0] <= few[0] + SPARE
    assert many[1] <= few[1] + SPARE + len(names)


def _after_losses(rounds: int, orders: Orders, process: Process, names: list[str], budgets: Budgets) -> tuple[int, int]:
    """Have connections closed by the replicas so often; return descriptors and threads once all are back."""
    for _ in range(rounds):
        orders.place(len(names), plan="CLOSE")
        for look in eventually(within=budgets.reconnect, what="calls are served again, under round_robin by every one"):
            with look:
                block = orders.place(len(names))
                assert not block.failed
                assert set(block.served) == set(names) or budgets.promises.has("another policy")
    found = []
    for look in consistently(during=CALM, every=0.25, what="it is at rest"):
        with look:
            used = process.resources()
            found.append((used.descriptors or 0, used.threads))
    return min(descriptors for descriptors, _ in found), min(threads for _, threads in found)


@pytest.mark.claims("USE-02", source=CONTRACT)
@pytest.mark.catches(SPINS)
@explained_by(causes.busy)
def test_an_idle_gateway_uses_no_cpu(
    orders: Orders, process: Process, replicas: list[Replica], measured: Measured
) -> None:
    """After a replica was lost and came back, a gateway without calls uses no CPU worth mentioning."""
    orders.place(2 * len(replicas))
    replicas[-1].kill()
    orders.place(len(replicas))
    replicas[-1].start()
    orders.place(2 * len(replicas))
    for look in consistently(during=WARM + CALM, every=1.0, what="it comes to rest"):
        with look:
            before = process.resources()
    for look in consistently(during=WARM, every=1.0, what="it is at rest"):
        with look:
            after = process.resources()
    used = after.cpu - before.cpu
    measured(f"{used:.2f} s of CPU in {WARM:.0f} s without calls", bound=f"{WARM / 2:.1f} s")

    assert used <= WARM / 2


@pytest.mark.claims("CONN-01", "USE-03", source="grpc/grpc doc/connection-backoff.md")
@pytest.mark.catches(DIALS_IN_A_LOOP)
@explained_by(causes.dialled_in_a_loop)
def test_a_closing_address_is_not_dialled_in_a_loop(
    orders: Orders, environment: Environment, listeners: Listeners, names: list[str], measured: Measured
) -> None:
    """An address that closes every connection is dialled again after a backoff, not in a loop."""
    seconds = 3
    listeners.start(2, [CLOSE])
    environment.fresh_gateway()
    block = orders.place(len(names))
    dials = listeners.wait_for_dials(DIALS * seconds + 1, within=float(seconds))
    most = max(len(times) for times in dials.values())
    measured(f"at most {most} dials of one address in {seconds} s", bound=f"{DIALS} in any second")

    assert most <= DIALS * seconds
    assert block.replies


@pytest.mark.claims("USE-03", "F56", source="grpc/grpc doc/connection-backoff.md; gRPC C-core polling_resolver.cc")
@pytest.mark.catches(QUERIES_IN_A_LOOP)
@explained_by(causes.queried_in_a_loop)
def test_a_missing_name_is_not_queried_in_a_loop(
    orders: Orders, dns: Dns, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """While its name does not exist a gateway queries it after a backoff, not in a loop."""
    dns.fail("NXDOMAIN")
    lost = replicas[-1].kill()
    orders.place(len(replicas))
    if dns.wait_for_query(since=lost, within=budgets.ask) is None:
        pytest.skip("it does not query its name after a lost connection; others judge that")
    for look in consistently(during=WINDOW, every=0.5, what="its name does not exist"):
        with look:
            queries = [query for query in dns.address_queries(lost) if query.name == dns.queried_name]
    measured(f"{len(queries)} queries in {WINDOW:.0f} s", bound=f"{QUERIES}, and what promised intervals allow")

    replicas[-1].start()
    dns.heal()
    assert queries


@pytest.mark.claims("USE-04", source="gRFC A61, Address List Updates in Petiole Policies")
@pytest.mark.catches(KEEPS_REMOVED_ADDRESSES, DIALS_REMOVED_ADDRESSES)
@pytest.mark.promised("round_robin")
@pytest.mark.waits(2)
def test_what_dns_no_longer_lists_is_left(
    orders: Orders,
    environment: Environment,
    process: Process,
    dns: Dns,
    listeners: Listeners,
    replicas: list[Replica],
    promises: Promises,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """An address that is no longer listed is neither dialled nor kept: 10 s later, as clients may take so long."""
    (address,) = listeners.start(1, [CLOSE])
    environment.fresh_gateway()
    orders.place(2 * len(replicas))
    unlisted = dns.unlist(replicas[0])
    replicas[1].kill()
    orders.place(len(replicas))
    query = dns.wait_for_query(since=unlisted, within=budgets.ask)
    replicas[1].start()
    if query is None:
        raise InconclusiveError("it did not query its name after a lost connection")
    long = LINGER + promises.call_timeout + budgets.slack + 2.0
    for look in consistently(during=long, every=1.0, what="it has left what is not listed"):
        with look:
            connections = process.resources().connections
            orders.place(len(replicas))
    measured(
        f"{long:.0f} s after an answer without {address} and {replicas[0].address}: connections {connections}",
        bound="only to listed addresses",
    )

    assert connections


@pytest.mark.claims("USE-01", source=CONTRACT)
@pytest.mark.catches(LEAKS_MEMORY)
@explained_by(causes_connections.left_open, causes.memory)
def test_memory_does_not_grow_with_calls(orders: Orders, process: Process, measured: Measured) -> None:
    """Memory does not grow in step with the calls: a runtime fills its heap once, a leak grows in every block."""
    used = []
    for _ in range(BLOCKS + 1):
        orders.place(ORDERS, callers=8)
        used.append(process.resources().memory / 2**20)
    grown = [after - before for before, after in pairwise(used)]
    measured(
        f"{', '.join(f'{memory:.0f}' for memory in used)} MiB after blocks of {ORDERS} orders",
        bound=f"not {LEAKED} MiB more in each",
    )

    assert min(grown) < LEAKED
