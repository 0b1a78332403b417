"""How long a call waits for an answer, or for a replica that could give one."""

from collections.abc import Sequence

import pytest

from tests.behaviours.deadlines import causes
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
from tests.behaviours.mutants import NO_DEADLINE, WAITS_FOR_READY
from tests.behaviours.retry import causes as retry_causes
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
    longest_told,
    records_stay,
    written,
)

pytestmark = pytest.mark.extended

CALLERS = 3


def ends(block: Block) -> str:
    """Say how calls ended, and when."""
    took = sorted(reply.seconds for reply in block.replies)
    return f"{', '.join(sorted({str(reply.code) for reply in block.replies}))} after {took[0]:.2f} to {took[-1]:.2f} s"


def faults_of_deadline(block: Block, budgets: Budgets) -> list[str]:
    """Complain of each call that did not end DEADLINE_EXCEEDED, sooner or later than at its deadline."""
    least, most = budgets.deadline
    right = [
        reply
        for reply in block.replies
        if least <= reply.seconds <= most and reply.code in ("DEADLINE_EXCEEDED", None) and not reply.ok
    ]
    return [repr(reply) for reply in block.replies if reply not in right]


@pytest.mark.claims("DL-01", "F42", source="grpc/grpc doc/statuscodes.md; https://grpc.io/docs/guides/deadlines")
@pytest.mark.catches(NO_DEADLINE, LOCAL_DEADLINE)
@explained_by(
    retry_causes.no_deadline, causes.deadline_not_sent, causes.cancelled_at_deadline, retry_causes.wrong_deadline
)
def test_a_call_ends_at_its_deadline_which_its_replica_is_told(
    orders: Orders, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """A call that is not answered ends DEADLINE_EXCEEDED at its deadline, and its replica knows how long it has."""
    block = orders.place(CALLERS, plan="HANG", callers=CALLERS)
    left = [attempt.deadline_left for attempt in block.attempts]
    told = [round(seconds, 2) for seconds in left if seconds is not None]
    measured(f"{ends(block)}; deadlines left {told}", bound="after {:.2f} to {:.2f} s".format(*budgets.deadline))

    assert not faults_of_deadline(block, budgets)
    assert len(told) == len(left) >= CALLERS
    assert max(told) <= longest_told(promises.call_timeout)
    assert min(told) >= promises.call_timeout - budgets.slack


@pytest.mark.claims("WFR-02", "F42", source="grpc/grpc doc/wait-for-ready.md")
@pytest.mark.catches(FAILS_FAST, NO_DEADLINE)
@explained_by(causes.fails_fast, causes.never_ended)
@pytest.mark.gateway(WAIT_FOR_READY="true")
@records_stay
def test_a_call_waits_for_a_replica_until_its_deadline(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Told to wait for a ready replica, a call that finds none fails at its deadline, neither sooner nor later."""
    for replica in replicas:
        replica.kill()
    block = orders.place(CALLERS, callers=CALLERS)
    measured(ends(block), bound="after {:.2f} to {:.2f} s".format(*budgets.deadline))

    assert not faults_of_deadline(block, budgets)


@pytest.mark.claims("WFR-02", source="grpc/grpc doc/wait-for-ready.md")
@pytest.mark.catches(FAILS_FAST)
@explained_by(causes.fails_fast)
@pytest.mark.gateway(WAIT_FOR_READY="true")
@records_stay
def test_calls_that_wait_are_served_once_a_replica_is_back(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Told to wait for a ready replica, calls outlast an outage: those whose deadline allows it are served."""
    _judge_waiting(orders, replicas, budgets, measured)


@pytest.mark.claims("WFR-03", source="grpc/grpc-proto service_config.proto, wait_for_ready; doc/wait-for-ready.md")
@pytest.mark.catches(CONFIG_FAILS_FAST)
@explained_by(causes.fails_fast)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WAITING_CONFIG))
@records_stay
def test_calls_wait_where_the_service_config_says_so(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """Given waitForReady in the service config, calls outlast an outage: those whose deadline allows it are served."""
    _judge_waiting(orders, replicas, budgets, measured)


def _judge_waiting(orders: Orders, replicas: Sequence[Replica], budgets: Budgets, measured: Measured) -> None:
    """Kill all replicas, start one again under calls, and judge those that were sent meanwhile."""
    for replica in replicas:
        replica.kill()
    retried = budgets.promises.longest_backoffs  # what an outage must last longer than: retries bridge less
    with orders.load(20) as load:
        for look in consistently(during=retried, what="no call fails"):
            with look:
                assert not [reply for reply in load.replies if not reply.ok]
        returned = replicas[0].start()
        load.wait_until_served(by=[replicas[0].name], within=budgets.reconnect)
    least, most = budgets.deadline
    meanwhile = [reply for reply in load.replies if reply.sent < returned]
    due = [reply for reply in meanwhile if reply.sent + least >= returned + budgets.reconnect]
    early = [reply for reply in load.replies if not reply.ok and not least <= reply.seconds <= most]
    measured(
        f"{sum(reply.ok for reply in meanwhile)} of {len(meanwhile)} calls that were sent meanwhile were served",
        bound=f"the last {len(due)}; the others fail at their deadline",
    )

    assert not early
    assert not [reply for reply in due if not reply.ok]


@pytest.mark.claims("WFR-03", source="grpc/grpc-proto service_config.proto, wait_for_ready: the application's own wins")
@pytest.mark.catches(WAITS_FOR_READY)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(WAITING_CONFIG), WAIT_FOR_READY="false")
@records_stay
def test_a_call_that_says_so_does_not_wait(
    orders: Orders, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """A call that is told not to wait for a replica fails fast, whatever the service config says."""
    for replica in replicas:
        replica.kill()
    orders.place()  # it may still meet the connections as they break
    block = orders.place(CALLERS, callers=CALLERS)
    most = budgets.fail_fast
    measured(ends(block), bound=f"UNAVAILABLE within {most:.2f} s")

    assert {reply.code for reply in block.replies} <= {"UNAVAILABLE", None}
    assert not [reply for reply in block.replies if reply.ok or reply.seconds > most]


@pytest.mark.claims("DL-03", "F42", "F38", source="gRFC A6: the deadline spans all attempts; doc/wait-for-ready.md")
@pytest.mark.catches(NO_DEADLINE)
@explained_by(causes.never_ended, causes.cancelled_at_deadline)
def test_waiting_for_a_connection_counts(
    orders: Orders, environment: Environment, replicas: list[Replica], budgets: Budgets, measured: Measured
) -> None:
    """While every replica accepts connections and says nothing, a fresh gateway's calls fail at their deadline."""
    for replica in replicas:
        replica.pause()
    environment.fresh_gateway()
    block = orders.place(CALLERS, callers=CALLERS)
    measured(ends(block), bound="after {:.2f} to {:.2f} s".format(*budgets.deadline))

    assert not faults_of_deadline(block, budgets)


@pytest.mark.claims(
    "RR-12", "CONN-05", "F43", "F38", source="grpc/grpc doc/load-balancing.md, round_robin; gRFC A61, A62, sticky-TF"
)
@pytest.mark.catches(FORGETS_FAILURES)
@explained_by(causes.no_sticky_failure)
@pytest.mark.promised("round_robin")
@records_stay
def test_calls_fail_fast_while_lost_replicas_are_dialled(
    orders: Orders,
    dns: Dns,
    peers: Peers,
    replicas: list[Replica],
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """With no replica left calls go on failing fast while new connections to all of them hang: a failure is kept."""
    for replica in replicas:
        replica.kill()
    orders.place(2)  # the first may still meet the connections as they break
    silent = peers.silence(names)
    most = budgets.fail_fast
    for within in (0.0, budgets.ask):  # that the same addresses are listed once more is no reason to forget
        dns.wait_for_query(since=silent, within=within)
        block = orders.place(CALLERS, callers=CALLERS)
        measured(ends(block), bound=f"UNAVAILABLE within {most:.2f} s")
        assert {reply.code for reply in block.replies} <= {"UNAVAILABLE", None}
        assert not [reply for reply in block.replies if reply.ok or reply.seconds > most]


@pytest.mark.claims("DL-02", source="grpc/grpc-proto service_config.proto, timeout: the shorter of the two holds")
@pytest.mark.catches(CONFIG_WITHOUT_TIMEOUT)
@explained_by(causes.config_timeout)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(HASTY_CONFIG), CALL_TIMEOUT_MS="10000")
def test_a_shorter_timeout_of_the_service_config_holds(orders: Orders, budgets: Budgets, measured: Measured) -> None:
    """Given a timeout in the service config that is shorter than its own, a call ends at that timeout."""
    least, most = HASTE - TIMER, HASTE + budgets.slack
    block = orders.waiting(most + budgets.slack).place(CALLERS, plan="HANG", callers=CALLERS)
    measured(ends(block), bound=f"after {least:.2f} to {most:.2f} s")

    assert not [reply for reply in block.replies if reply.ok or not least <= reply.seconds <= most]


@pytest.mark.claims(
    "DL-02", "F42", source="grpc/grpc-proto service_config.proto, timeout: the shorter of the two holds"
)
@pytest.mark.catches(NO_DEADLINE)
@explained_by(retry_causes.no_deadline)
@pytest.mark.gateway(GRPC_SERVICE_CONFIG=written(PATIENT_CONFIG))
def test_a_longer_timeout_of_the_service_config_does_not_hold(
    orders: Orders, budgets: Budgets, measured: Measured
) -> None:
    """Given a timeout in the service config that is longer than its own, a call ends at its own deadline."""
    block = orders.place(CALLERS, plan="HANG", callers=CALLERS)
    measured(ends(block), bound="after {:.2f} to {:.2f} s".format(*budgets.deadline))

    assert not faults_of_deadline(block, budgets)
