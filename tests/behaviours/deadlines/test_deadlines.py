"""How long a call waits for an answer, or for a ready replica."""

from collections.abc import Sequence

import pytest

from tests.behaviours.deadlines import causes
from tests.behaviours.deadlines.controls import TIGHT, WAITS
from tests.behaviours.deadlines.mutants import (
    CONFIG_FAILS_FAST,
    CONFIG_WITHOUT_TIMEOUT,
    FAILS_FAST,
    FORGETS_FAILURES,
    HASTE,
    HASTY_CONFIG,
    LOCAL_DEADLINE,
    PATIENT_CONFIG,
    WAITING_CONFIG,
)
from tests.behaviours.dns.controls import COLD
from tests.behaviours.mutants import NO_DEADLINE, WAITS_FOR_READY
from tests.behaviours.retry import causes as retry_causes
from tests.behaviours.retry.controls_application import ONE_STATUS, ONE_STATUS_UNSAID, PER_TRY_TIMEOUT
from tests.harness.behaviour import (
    TIMER,
    Block,
    Budgets,
    Dns,
    Environment,
    Measured,
    Orders,
    Peers,
    Promises,
    Replica,
    consistently,
    explained_by,
    longest_timeout_received,
    records_stay,
    written,
)

pytestmark = pytest.mark.extended

CALLERS = 3


def ends(block: Block) -> str:
    """Return how calls ended, and when."""
    took = sorted(reply.seconds for reply in block.replies)
    return f"{', '.join(sorted({str(reply.code) for reply in block.replies}))} after {took[0]:.2f} to {took[-1]:.2f} s"


def faults_of_deadline(block: Block, budgets: Budgets, late: float = 0.0) -> list[str]:
    """Return each call that did not end DEADLINE_EXCEEDED, or ended before or after its deadline, or too `late`."""
    least, most = budgets.deadline
    right = [
        reply
        for reply in block.replies
        if least <= reply.seconds <= most + late and reply.named_code in ("DEADLINE_EXCEEDED", None) and not reply.ok
    ]
    return [repr(reply) for reply in block.replies if reply not in right]


@pytest.mark.claims("DL-01", "F42", source="grpc/grpc doc/statuscodes.md; https://grpc.io/docs/guides/deadlines")
@pytest.mark.catches(NO_DEADLINE, LOCAL_DEADLINE)
@pytest.mark.acquits(PER_TRY_TIMEOUT, ONE_STATUS, ONE_STATUS_UNSAID, TIGHT)
@explained_by(
    retry_causes.no_deadline, causes.deadline_not_sent, causes.cancelled_at_deadline, retry_causes.wrong_deadline
)
@pytest.mark.promised("deadline")
def test_a_call_ends_at_its_deadline_and_propagates_it_to_the_replica(
    orders: Orders, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A call without an answer ends DEADLINE_EXCEEDED at its deadline, which the replica received with the call."""
    block = orders.place(CALLERS, plan="HANG", callers=CALLERS)
    left = [trail[0].deadline_left for trail in block.trails if trail]
    received = [round(seconds, 2) for seconds in left if seconds is not None]
    measured(
        f"{ends(block)}; deadlines received: {received} s", bound="after {:.2f} to {:.2f} s".format(*budgets.deadline)
    )

    assert not faults_of_deadline(block, budgets)
    assert len(received) == len(left) == CALLERS
    assert max(received) <= longest_timeout_received(promises.attempt_timeout)
    assert min(received) >= promises.attempt_timeout - budgets.slack


@pytest.mark.claims("WFR-02", "F42", source="grpc/grpc doc/wait-for-ready.md")
@pytest.mark.catches(FAILS_FAST, NO_DEADLINE)
@pytest.mark.acquits(WAITS)
@explained_by(causes.fails_fast, causes.never_ended)
@pytest.mark.gateway(WAIT_FOR_READY="true")
@pytest.mark.or_promised("wait_for_ready")
@pytest.mark.promised("deadline", "no ejection")
@records_stay
def test_a_wait_for_ready_call_waits_until_its_deadline(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """A wait_for_ready call that finds no ready replica fails at its deadline, neither before nor after it."""
    for replica in replicas:
        replica.kill()
    block = orders.place(CALLERS, callers=CALLERS)
    measured(ends(block), bound="after {:.2f} to {:.2f} s".format(*budgets.deadline))

    assert not faults_of_deadline(block, budgets)


@pytest.mark.claims("WFR-02", source="grpc/grpc doc/wait-for-ready.md")
@pytest.mark.catches(FAILS_FAST)
@pytest.mark.acquits(WAITS)
@explained_by(causes.fails_fast)
@pytest.mark.gateway(WAIT_FOR_READY="true")
@pytest.mark.or_promised("wait_for_ready")
@pytest.mark.promised("deadline", "no ejection")
@records_stay
def test_wait_for_ready_calls_succeed_once_a_replica_returns(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Calls with wait_for_ready outlast an outage: those whose deadline allows it succeed."""
    _judge_waiting(orders, replicas, budgets, measured)


@pytest.mark.claims("WFR-03", source="grpc/grpc-proto service_config.proto, wait_for_ready; doc/wait-for-ready.md")
@pytest.mark.catches(CONFIG_FAILS_FAST)
@explained_by(causes.fails_fast)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WAITING_CONFIG))
@pytest.mark.promised("deadline", "no ejection")
@records_stay
def test_wait_for_ready_in_the_service_config_is_honoured(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """With waitForReady in the service config, calls outlast an outage: those whose deadline allows it succeed."""
    _judge_waiting(orders, replicas, budgets, measured)


def _judge_waiting(orders: Orders, replicas: Sequence[Replica], budgets: Budgets, measured: Measured) -> None:
    """Kill all replicas, restart one under load, and judge the calls that were sent during the outage."""
    for replica in replicas:
        replica.kill()
    retried = budgets.promises.longest_backoffs  # the outage has to last longer: retries alone bridge this much
    with orders.load(20) as load:
        for look in consistently(during=retried, what="no call fails"):
            with look:
                assert not [reply for reply in load.replies if not reply.ok]
        returned = replicas[0].start()
        load.wait_until_served(by=[replicas[0].name], within=budgets.reconnect)
    least, most = budgets.deadline
    affected = [reply for reply in load.replies if reply.sent < returned]
    due = [reply for reply in affected if reply.sent + least >= returned + budgets.reconnect]
    early = [reply for reply in load.replies if not reply.ok and not least <= reply.seconds <= most]
    measured(
        f"{sum(reply.ok for reply in affected)} of {len(affected)} calls sent during the outage succeeded",
        bound=f"the last {len(due)} succeed; the others fail at their deadline",
    )

    assert not early
    assert not [reply for reply in due if not reply.ok]


@pytest.mark.claims(
    "WFR-03", source="grpc/grpc-proto service_config.proto, wait_for_ready: the application's setting wins"
)
@pytest.mark.catches(WAITS_FOR_READY)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WAITING_CONFIG), WAIT_FOR_READY="false")
@records_stay
def test_wait_for_ready_false_on_a_call_overrides_the_service_config(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """A call with wait_for_ready=false fails fast, although the service config sets waitForReady."""
    for replica in replicas:
        replica.kill()
    orders.place()  # this call may still use the connections as they break
    block = orders.place(CALLERS, callers=CALLERS)
    most = budgets.fail_fast
    measured(ends(block), bound=f"UNAVAILABLE within {most:.2f} s")

    assert {reply.code for reply in block.replies} <= {"UNAVAILABLE", None}
    assert not [reply for reply in block.replies if reply.ok or reply.seconds > most]


@pytest.mark.claims("DL-03", "F42", "F38", source="gRFC A6: the deadline spans all attempts; doc/wait-for-ready.md")
@pytest.mark.catches(NO_DEADLINE)
@pytest.mark.acquits(COLD)
@explained_by(causes.never_ended, causes.cancelled_at_deadline)
@pytest.mark.promised("deadline", "one deadline", "serves when it listens")
def test_time_spent_connecting_counts_against_the_deadline(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """While every replica accepts connections and sends nothing, a fresh gateway fails calls by their deadline."""
    for replica in replicas:
        replica.pause()
    environment.fresh_gateway()
    block = orders.place(CALLERS, callers=CALLERS)
    # not the fewest: a connection attempt may be abandoned before the call's deadline
    most = budgets.deadline[1] + budgets.first_call
    measured(ends(block), bound=f"after {most:.2f} s at most")

    assert {reply.code for reply in block.replies} <= {"DEADLINE_EXCEEDED", "UNAVAILABLE", None}
    assert not [reply for reply in block.replies if reply.ok or reply.seconds > most]


@pytest.mark.claims(
    "RR-12", "CONN-05", "F43", "F38", source="grpc/grpc doc/load-balancing.md, round_robin; gRFC A61, A62, sticky-TF"
)
@pytest.mark.catches(FORGETS_FAILURES)
@explained_by(causes.no_sticky_failure)
@pytest.mark.promised("round_robin", "fail fast")
@records_stay
def test_calls_fail_fast_while_lost_replicas_are_redialled(
    orders: Orders,
    dns: Dns,
    peers: Peers,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """With all replicas down, calls continue to fail fast while new connections to all of them hang."""
    for replica in replicas:
        replica.kill()
    orders.place(2)  # the first call may still use the connections as they break
    silent = peers.silence(names)
    most = budgets.fail_fast
    for within in (0.0, budgets.ask):  # the same addresses once more are not a reason to wait
        dns.wait_for_query(since=silent, within=within)
        block = orders.place(CALLERS, callers=CALLERS)
        measured(ends(block), bound=f"UNAVAILABLE within {most:.2f} s")
        assert {reply.code for reply in block.replies} <= budgets.promises.unserved_codes
        assert not [reply for reply in block.replies if reply.ok or reply.seconds > most]


@pytest.mark.claims("DL-02", source="grpc/grpc-proto service_config.proto, timeout: the shorter of the two applies")
@pytest.mark.catches(CONFIG_WITHOUT_TIMEOUT)
@explained_by(causes.config_timeout)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(HASTY_CONFIG), CALL_TIMEOUT_MS="10000")
def test_a_shorter_service_config_timeout_shortens_the_calls_deadline(
    orders: Orders, budgets: Budgets, measured: Measured
) -> None:
    """With a shorter timeout in the service config, a call ends at that timeout."""
    least, most = HASTE - TIMER, HASTE + budgets.slack
    block = orders.waiting(most + budgets.slack).place(CALLERS, plan="HANG", callers=CALLERS)
    measured(ends(block), bound=f"after {least:.2f} to {most:.2f} s")

    assert not [reply for reply in block.replies if reply.ok or not least <= reply.seconds <= most]


@pytest.mark.claims(
    "DL-02", "F42", source="grpc/grpc-proto service_config.proto, timeout: the shorter of the two applies"
)
@pytest.mark.catches(NO_DEADLINE)
@explained_by(retry_causes.no_deadline)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PATIENT_CONFIG))
@pytest.mark.promised("deadline")
def test_a_longer_service_config_timeout_does_not_extend_the_calls_deadline(
    orders: Orders, budgets: Budgets, measured: Measured
) -> None:
    """With a longer timeout in the service config, a call still ends at its own deadline."""
    block = orders.place(CALLERS, plan="HANG", callers=CALLERS)
    measured(ends(block), bound="after {:.2f} to {:.2f} s".format(*budgets.deadline))

    assert not faults_of_deadline(block, budgets)
