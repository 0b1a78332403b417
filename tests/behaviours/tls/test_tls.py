"""
Over TLS calls go where they go in plaintext, and to no one who cannot prove to be the service.

Replicas present what a run's own authority has issued (tests/harness/world/authority.py), and record each handshake.
"""

import pytest

from tests.behaviours.tls import causes
from tests.behaviours.tls.controls import OVER_MUTUAL_TLS, OVER_TLS
from tests.behaviours.tls.mutants import (
    ANOTHER_SERVER_NAME,
    DIALS_ADDRESSES,
    HIDES_THE_NAME,
    IGNORES_ALPN,
    NO_CLIENT_CERTIFICATE,
    NO_RETRY_OVER_TLS,
    OFFERS_NO_ALPN,
    ONE_ADDRESS_OVER_TLS,
    PINS_CERTIFICATES,
    ROTATES_OVER_HANDSHAKES,
    SLOW_RECONNECT_OVER_TLS,
    SPEAKS_PLAINTEXT,
    TRUSTS_ANOTHER_CA,
    TRUSTS_ANYONE,
    VERIFIES_NO_NAME,
)
from tests.harness.behaviour import (
    RENEWED_CERTIFICATE,
    TLS_FAULTS,
    Block,
    Budgets,
    Dns,
    Environment,
    Handshake,
    Ledgers,
    Measured,
    Orders,
    Replica,
    eventually,
    explained_by,
    recovery,
    waiting_faults,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.only_in("loopback", reason="changes the certificates of replicas at their addresses"),
    pytest.mark.promised("round_robin"),
]


@pytest.mark.claims("TL-01", "F63", source="grpc/grpc doc/PROTOCOL-HTTP2.md, Security; RFC 9113, section 3.2")
@pytest.mark.over_tls("server")
@pytest.mark.catches(
    ANOTHER_SERVER_NAME,
    DIALS_ADDRESSES,
    SPEAKS_PLAINTEXT,
    TRUSTS_ANOTHER_CA,
    OFFERS_NO_ALPN,
    ONE_ADDRESS_OVER_TLS,
)
@pytest.mark.acquits(OVER_TLS)
def test_calls_go_round_over_tls(
    orders: Orders, environment: Environment, names: list[str], ledgers: Ledgers, measured: Measured
) -> None:
    """Over TLS every replica gets calls from a fresh gateway, and no handshake fails."""
    failed, block = _fresh_calls(orders, environment, names, ledgers)
    reached = {attempt.replica for attempt in block.attempts}
    measured(
        f"{len(reached)} of {len(names)} replicas got calls, {len(block.failed)} failed; "
        f"{len(failed)} handshakes failed",
        bound="all; none; none",
    )

    assert not failed
    assert not block.failed
    assert reached == set(names)


@pytest.mark.claims("TL-05", "F63", source="grpc/grpc doc/PROTOCOL-HTTP2.md, Security; RFC 8446, section 4.4.2")
@pytest.mark.over_tls("mutual")
@pytest.mark.catches(NO_CLIENT_CERTIFICATE)
@pytest.mark.acquits(OVER_MUTUAL_TLS)
def test_every_replica_is_shown_the_client_certificate(
    orders: Orders, names: list[str], ledgers: Ledgers, environment: Environment, measured: Measured
) -> None:
    """Over mutual TLS every replica completes the handshake, for which the client presents its certificate."""
    failed, block = _fresh_calls(orders, environment, names, ledgers)
    reached = {attempt.replica for attempt in block.attempts}
    measured(f"{len(reached)} of {len(names)} replicas got calls; {len(failed)} handshakes failed", bound="all; none")

    assert not failed + block.failed
    assert reached == set(names)


@pytest.mark.given_spread_calls
@pytest.mark.claims("TL-02", "F63", source="RFC 6066, section 3; grpc/grpc doc/naming.md, Name Syntax")
@pytest.mark.over_tls("server")
@pytest.mark.catches(HIDES_THE_NAME)
@pytest.mark.acquits(OVER_TLS)
@explained_by(causes.server_name)
def test_every_handshake_sends_the_name_of_the_service(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    struck: Replica,
    names: list[str],
    ledgers: Ledgers,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Each handshake sends the name that the gateway dials, also with a replica that returns, and for a retry."""
    began = environment.fresh_gateway()
    orders.place(2 * len(names), plan=f"UNAVAILABLE@{struck.name}")
    killed = struck.kill()
    struck.start()
    _wait_until_dialled(struck, killed, orders, names, ledgers, budgets)
    sent = {handshake.server_name for handshake in ledgers.handshakes(began)}
    measured(f"server names sent: {sorted(sent)}", bound=dns.queried_name)

    assert sent == {dns.queried_name}


@pytest.mark.given_spread_calls
@pytest.mark.claims("TL-03", "F63", source="RFC 5280, section 6.1; grpc/grpc doc/connectivity-semantics-and-api.md")
@pytest.mark.over_tls("server")
@pytest.mark.catches(TRUSTS_ANYONE)
@pytest.mark.acquits(OVER_TLS)
@explained_by(causes.impostor)
@pytest.mark.parametrize("fault", ["expired", "another_ca"])
def test_a_replica_with_an_invalid_certificate_gets_no_calls(
    fault: str,
    orders: Orders,
    struck: Replica,
    names: list[str],
    ledgers: Ledgers,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """A replica whose certificate has expired, or is of another authority, costs no call and gets none."""
    _gets_no_calls(fault, orders, struck, names, ledgers, budgets, measured)


@pytest.mark.given_spread_calls
@pytest.mark.claims("TL-03", "F63", source="RFC 9525, section 6; grpc/grpc doc/connectivity-semantics-and-api.md")
@pytest.mark.over_tls("server")
@pytest.mark.catches(VERIFIES_NO_NAME)
@pytest.mark.acquits(OVER_TLS)
@explained_by(causes.impostor)
def test_a_replica_with_the_certificate_of_another_service_gets_no_calls(
    orders: Orders, struck: Replica, names: list[str], ledgers: Ledgers, budgets: Budgets, measured: Measured
) -> None:
    """A replica whose certificate is of the right authority and for another name costs no call and gets none."""
    _gets_no_calls("wrong_name", orders, struck, names, ledgers, budgets, measured)


@pytest.mark.given_spread_calls
@pytest.mark.claims("TL-03", source="RFC 9113, section 3.2; grpc/grpc doc/PROTOCOL-HTTP2.md, Security")
@pytest.mark.over_tls("server")
@pytest.mark.catches(IGNORES_ALPN)
@pytest.mark.acquits(OVER_TLS)
@explained_by(causes.impostor)
def test_a_replica_without_alpn_gets_no_calls(
    orders: Orders, struck: Replica, names: list[str], ledgers: Ledgers, budgets: Budgets, measured: Measured
) -> None:
    """A replica that selects no protocol over ALPN costs no call and gets none."""
    _gets_no_calls("without_alpn", orders, struck, names, ledgers, budgets, measured)


@pytest.mark.given_spread_calls
@pytest.mark.claims("TL-03", "F20", source="grpc/grpc doc/connectivity-semantics-and-api.md, CONNECTING")
@pytest.mark.over_tls("server")
@pytest.mark.catches(ROTATES_OVER_HANDSHAKES)
@pytest.mark.acquits(OVER_TLS)
@explained_by(causes.waits_for_a_handshake)
def test_a_handshake_that_never_ends_costs_no_call(
    orders: Orders, struck: Replica, names: list[str], ledgers: Ledgers, budgets: Budgets, measured: Measured
) -> None:
    """A replica that accepts connections and never answers a handshake costs no call and gets none."""
    _gets_no_calls("never_ends", orders, struck, names, ledgers, budgets, measured)


def _fresh_calls(
    orders: Orders, environment: Environment, names: list[str], ledgers: Ledgers
) -> tuple[list[Handshake], Block]:
    """Return the handshakes of a fresh gateway that failed, and the calls that followed its first ones."""
    began = environment.fresh_gateway()
    orders.place(2 * len(names))
    block = orders.place(4 * len(names))
    return [handshake for handshake in ledgers.handshakes(began) if handshake.outcome != "completed"], block


def _wait_until_dialled(
    struck: Replica, since: float, orders: Orders, names: list[str], ledgers: Ledgers, budgets: Budgets
) -> None:
    """Wait until a replica that returned has seen a handshake, however it ended."""
    for look in eventually(within=budgets.reconnect, what=f"{struck.name} is dialled again"):
        with look:
            orders.place(len(names))
            assert [one for one in ledgers.handshakes(since) if one.replica == struck.name]


def _gets_no_calls(
    fault: str,
    orders: Orders,
    struck: Replica,
    names: list[str],
    ledgers: Ledgers,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Have a replica return with a fault, and judge calls once the gateway has met it."""
    stopped = struck.stop()
    struck.start(moved=False, **TLS_FAULTS[fault])
    _wait_until_dialled(struck, stopped, orders, names, ledgers, budgets)
    block = orders.place(4 * len(names), callers=len(names))
    reached = [attempt for attempt in block.attempts if attempt.replica == struck.name]
    measured(f"{len(block.failed)} of {len(block.replies)} calls failed, {len(reached)} reached it", bound="none; none")

    assert not reached
    assert not block.failed


@pytest.mark.given_spread_calls
@pytest.mark.claims("TL-04", source="grpc/grpc doc/connection-backoff.md; RFC 5280, section 6.1")
@pytest.mark.over_tls("server")
@pytest.mark.catches(PINS_CERTIFICATES, SLOW_RECONNECT_OVER_TLS)
@pytest.mark.acquits(OVER_TLS)
@explained_by(causes.pinned)
def test_a_replica_that_returns_with_a_renewed_certificate_is_used(
    orders: Orders, struck: Replica, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A replica that returns with another valid certificate of the same authority gets its share again."""
    with orders.load() as load:
        struck.stop()
        returned = struck.start(moved=False, **RENEWED_CERTIFICATE)
        spread = recovery(load, since=returned, over=names, within=budgets.reconnect)
    measured(f"{spread}", bound=f"even shares within {budgets.reconnect:.1f} s")

    assert not waiting_faults(load.block(), budgets, spread)


@pytest.mark.claims("RT-01", "TL-01", source="gRFC A6, Retryable Status Codes")
@pytest.mark.promised("retries")
@pytest.mark.over_tls("server")
@pytest.mark.catches(NO_RETRY_OVER_TLS)
@pytest.mark.acquits(OVER_TLS)
def test_retries_work_over_tls(orders: Orders, names: list[str], measured: Measured) -> None:
    """A call that fails once is retried over TLS, and served."""
    block = orders.place(2 * len(names), plan="UNAVAILABLE,OK")
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls failed, in {len(block.attempts)} attempts", bound="none"
    )

    assert not block.failed
