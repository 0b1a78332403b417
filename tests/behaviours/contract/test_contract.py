"""
The contract of every subject, on orders placed for nothing else.

What holds in every behaviour is judged by the checks (tests/harness/checks/contract.py); here are orders of every kind,
so that a gateway that breaks one of them meets all of them once.
"""

from statistics import median

import pytest

from tests.behaviours.contract import causes
from tests.behaviours.contract.controls import SLOW
from tests.behaviours.contract.mutants import (
    ADDRESS_AS_AUTHORITY,
    ADDS_HALF_A_SECOND,
    CACHES_ORDERS,
    CACHES_ORDERS_ELSEWHERE,
    COALESCES_ORDERS,
    FAILURES_AS_SUCCESS,
    FAILURES_AS_SUCCESS_ELSEWHERE,
    IGNORES_SIGTERM,
    OWN_CALLS,
    REPEATS_SLOW_CALLS,
    STOPS_IMMEDIATELY,
)
from tests.behaviours.distribution.controls import ANOTHER_SERVICE
from tests.harness.behaviour import (
    Budgets,
    Direct,
    Environment,
    InconclusiveError,
    Ledgers,
    Measured,
    Orders,
    Peers,
    Process,
    Promises,
    Steering,
    eventually,
    explained_by,
    median_call,
    overhead_allowed,
    overhead_faults,
)

TIMES = 3
"""How often one order is placed."""

QUIET = 7
"""Serial calls for each replica, and direct ones, that a median is taken of."""

KEPT_ALIVE = 5.0
"""Seconds for which an HTTP server may wait for its callers' idle connections when it stops, as Node did before 19."""

CONTRACT = "docs/reference/contract.md, Tier 1: every subject"


@pytest.mark.claims("CT-01", "F53", source=CONTRACT)
@pytest.mark.catches(CACHES_ORDERS, CACHES_ORDERS_ELSEWHERE, COALESCES_ORDERS)
@explained_by(causes.answered_from_memory)
def test_a_repeated_order_is_called_every_time(orders: Orders, promises: Promises, measured: Measured) -> None:
    """An order placed several times, one by one or concurrently, is a separate call each time."""
    serial = orders.repeat(TIMES)
    concurrent = orders.repeat(TIMES, plan=f"OK:delay={_part(promises, 0.2)}", callers=TIMES)
    most = TIMES * promises.max_attempts if promises.hedging else TIMES
    many = f"{TIMES}" if most == TIMES else f"{TIMES} to {most}"
    measured(
        f"{len(serial.attempts)} calls for {TIMES} orders with one id, "
        f"{len(concurrent.attempts)} for {TIMES} concurrent ones",
        bound=f"{many} each",
    )

    assert not serial.failed + concurrent.failed
    assert all(TIMES <= len(block.attempts) <= most for block in (serial, concurrent))


@pytest.mark.claims("CT-01", "CT-02", source=CONTRACT)
@pytest.mark.catches(OWN_CALLS, REPEATS_SLOW_CALLS, FAILURES_AS_SUCCESS, FAILURES_AS_SUCCESS_ELSEWHERE)
@pytest.mark.acquits(ANOTHER_SERVICE)
@explained_by(causes.answered_from_memory)
def test_orders_of_every_kind_keep_the_contract(
    orders: Orders, promises: Promises, names: list[str], measured: Measured
) -> None:
    """Quick, slow and failing orders are one call each, are answered by it, and fail with a status of 400 or more."""
    quick = orders.place(2 * len(names))
    slow = orders.place(2 * len(names), callers=len(names), plan=f"OK:delay={_part(promises, 0.4)}")
    codes = [code for code in ("INVALID_ARGUMENT", *promises.other_codes) if code in promises.other_codes]
    failing = orders.place(len(names), plan=codes[0]) if codes else None
    told = sorted({reply.message.partition(":")[0] for reply in failing.replies}) if failing else ["none placed"]
    measured(
        f"{len(quick.failed + slow.failed)} of {len(quick.replies + slow.replies)} orders failed; "
        f"those that were to fail were answered with {', '.join(told)}",
        bound="no failures; 400 or more",
    )

    assert not quick.failed + slow.failed
    assert failing is None or len(failing.failed) == len(failing.replies)


@pytest.mark.claims("CT-03", source="grpc/grpc doc/naming.md, Name Syntax; RFC 9113, 8.3.1")
@pytest.mark.catches(ADDRESS_AS_AUTHORITY)
def test_the_authority_names_the_service(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """Calls carry the name of the service as their :authority, not the address that they are sent to."""
    peer = peers.start(Steering(), instead=True)
    environment.fresh_gateway()
    block = orders.place(4)
    reached = [attempt for attempt in block.attempts if attempt.replica == peer]
    measured(f"{len(reached)} calls showed their :authority", bound="none is an address")

    assert not block.failed
    assert len(reached) == len(block.replies)


@pytest.mark.claims("CT-04", "F27", source=CONTRACT)
@pytest.mark.catches(IGNORES_SIGTERM, STOPS_IMMEDIATELY)
@pytest.mark.promised("a server")
@explained_by(causes.not_stopped)
def test_a_stopping_gateway_answers_what_it_has_begun(
    orders: Orders,
    process: Process,
    ledgers: Ledgers,
    promises: Promises,
    budgets: Budgets,
    names: list[str],
    measured: Measured,
) -> None:
    """On SIGTERM the gateway answers the orders in flight, and exits."""
    within = promises.call_timeout + KEPT_ALIVE + budgets.slack
    with orders.load(rate=50, limit=len(names), plan=f"OK:delay={_part(promises, 0.6)}") as load:
        for look in eventually(within=budgets.reply, what="every order has reached a replica"):
            with look:
                assert len(ledgers.attempts(load.started)) >= len(names)
        ended = process.stop(within=within)
    failed = [reply for reply in load.replies if not reply.ok]
    if not load.replies:
        raise InconclusiveError("no order was under way")
    measured(
        f"{len(failed)} of {len(load.replies)} orders in flight failed; "
        + ("it did not exit" if ended is None else "it exited"),
        bound=f"no failures; within {within:.1f} s",
    )

    assert not failed
    assert ended is not None


@pytest.mark.claims("CT-05", source=CONTRACT)
@pytest.mark.catches(ADDS_HALF_A_SECOND)
@pytest.mark.acquits(SLOW)
@explained_by(causes.overhead)
def test_calls_take_hardly_longer_than_direct_ones(
    orders: Orders, direct: Direct, budgets: Budgets, names: list[str], measured: Measured
) -> None:
    """The gateway adds no more to a call than it promises, by the medians of quiet calls through it and without it."""
    straight = direct.seconds(QUIET)
    block = orders.place(QUIET * len(names))
    through, without = median_call(block.replies).seconds * 1000, median(straight) * 1000
    measured(
        f"median {through:.1f} ms, a direct call {without:.1f} ms",
        bound=f"{overhead_allowed(budgets) * 1000:.0f} ms more",
    )

    assert not block.failed
    assert not overhead_faults(block.replies, straight, budgets)


def _part(promises: Promises, fraction: float) -> int:
    """Return so much of the deadline in milliseconds, at most a second of it."""
    return round(1000 * fraction * min(promises.call_timeout or 1.0, 1.5))
