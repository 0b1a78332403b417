"""
HTTP/2 frames are handled as gRPC specifies: a peer next to the replicas sends them by hand.

Each behaviour judges the calls whose first attempt went to the peer.
"""

import pytest

from tests.behaviours.mutants import SLOW_RECONNECT, SLOW_RESOLUTION
from tests.behaviours.retry.controls_application import BULKHEAD
from tests.behaviours.wire import causes
from tests.behaviours.wire.mutants import NO_TRANSPARENT_RETRY, RETRIES_ALL_BY_HAND, RETRIES_CANCELLED, SHEDS_LOAD
from tests.harness.behaviour import (
    Block,
    Budgets,
    Dns,
    Environment,
    InconclusiveError,
    Measured,
    OnStream,
    Orders,
    Peers,
    Promises,
    Steering,
    explained_by,
    recovery,
    waiting_faults,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
]


def past_a_peer(environment: Environment, peers: Peers, orders: Orders, on_stream: OnStream) -> Block:
    """Place orders while a peer is listed next to the replicas; return those whose first attempt went to it."""
    peer = peers.start(Steering(on_stream))
    environment.fresh_gateway()
    block = orders.place(40, rate=60)
    sent = {trail[0].id for trail in block.trails if trail and trail[0].replica == peer}
    if not sent:
        raise InconclusiveError(f"none of {len(block.replies)} calls went to the peer")
    replies = tuple(reply for reply in block.replies if reply.id in sent)
    return Block(replies, tuple(attempt for attempt in block.attempts if attempt.id in sent))


@pytest.mark.claims("RT-18", "RT-20", source="gRFC A6, Transparent Retries, case 3; RFC 9113, 6.8")
@pytest.mark.catches(NO_TRANSPARENT_RETRY)
@explained_by(causes.refused)
def test_a_call_above_the_goaways_last_stream_id_is_transparently_retried(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """A call above the last stream id of a GOAWAY is sent again, and this does not count as a retry."""
    block = past_a_peer(environment, peers, orders, OnStream.REFUSES_BY_GOAWAY)
    again = [trail[1].previous_attempts for trail in block.trails if len(trail) > 1]
    measured(
        f"{len(block.failed)} of {len(block.replies)} excluded calls failed, {len(again)} sent again, "
        f"{len([number for number in again if number])} counted as retries",
        bound="no failures, none counted as a retry",
    )

    assert not block.failed
    assert again == [None] * len(block.replies)


@pytest.mark.claims("RT-19", source="gRFC A6, Transparent Retries, case 3; RFC 9113, 8.7")
@pytest.mark.catches(NO_TRANSPARENT_RETRY)
@explained_by(causes.refused)
def test_a_refused_stream_is_transparently_retried(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """A call whose stream is reset with REFUSED_STREAM is sent again, and this does not count as a retry."""
    block = past_a_peer(environment, peers, orders, OnStream.REFUSES)
    again = [trail[1].previous_attempts for trail in block.trails if len(trail) > 1]
    measured(
        f"{len(block.replies)} calls refused, {len(again)} sent again, "
        f"{len([number for number in again if number])} counted as retries",
        bound="all sent again, none counted as a retry",
    )

    assert again == [None] * len(block.replies)


@pytest.mark.claims("RT-01", "RT-19", source="grpc/grpc doc/PROTOCOL-HTTP2.md, Errors; gRFC A6")
@pytest.mark.catches(RETRIES_CANCELLED)
@explained_by(causes.cancelled)
@pytest.mark.promised("no ejection", "no hedging")
@pytest.mark.vacuous_without("retries")
def test_a_cancelled_stream_is_not_retried(
    orders: Orders, environment: Environment, peers: Peers, promises: Promises, measured: Measured
) -> None:
    """A call whose stream is reset with CANCEL ends CANCELLED and is not retried."""
    if "CANCELLED" in promises.retryable_codes:
        pytest.skip("it promises to retry CANCELLED")
    block = past_a_peer(environment, peers, orders, OnStream.CANCELS)
    measured(
        f"{len(block.replies)} calls reset, {len(block.attempts)} attempts, "
        f"ended {', '.join(sorted({str(reply.code) for reply in block.replies}))}",
        bound="1 attempt each, CANCELLED",
    )

    assert len(block.attempts) == len(block.replies)
    assert {reply.code for reply in block.replies} <= {"CANCELLED", None}


@pytest.mark.claims("RT-11", source="gRFC A6, Pushback: a value that does not parse means no retry")
@pytest.mark.catches(RETRIES_ALL_BY_HAND)
@explained_by(causes.pushed_back)
@pytest.mark.promised("no application retries", "sustained retries", "no hedging")
@pytest.mark.vacuous_without("retries")
def test_a_malformed_pushback_ends_the_retries(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """A failure whose grpc-retry-pushback-ms does not parse is not retried, although its code is retryable."""
    block = past_a_peer(environment, peers, orders, OnStream.PUSHES_BACK_IN_WORDS)
    measured(
        f"{len(block.replies)} calls with a pushback, {len(block.attempts)} attempts, "
        f"ended {', '.join(sorted({str(reply.code) for reply in block.replies}))}",
        bound="1 attempt each",
    )

    assert len(block.attempts) == len(block.replies)


@pytest.mark.claims("F15", "F13", source="grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY); gRFC A61")
@pytest.mark.catches(SLOW_RESOLUTION)
@explained_by(causes.not_re_resolved_after_goaway)
def test_a_goaway_triggers_re_resolution(
    orders: Orders, environment: Environment, dns: Dns, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """After a GOAWAY the gateway re-resolves, as soon as its minimum re-resolution interval allows."""
    peer = peers.start(Steering(OnStream.REFUSES_BY_GOAWAY))
    environment.fresh_gateway()
    with orders.load():
        goaway = peers.wait_for_frame(peer, "GOAWAY", within=budgets.reconnect)
        query = dns.wait_for_query(since=goaway.at, within=budgets.ask)
    measured(
        f"re-resolved after {query.monotonic - goaway.at:.2f} s" if query else "never re-resolved",
        bound=f"within {budgets.ask:.2f} s",
    )

    assert query is not None


@pytest.mark.claims("F60", source="RFC 9113, 5.1.2 and 6.5.2; https://grpc.io/docs/guides/performance")
@pytest.mark.catches(SHEDS_LOAD)
@pytest.mark.acquits(BULKHEAD)
@explained_by(causes.own_limit)
def test_calls_above_the_stream_limit_queue_instead_of_failing(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """Calls above SETTINGS_MAX_CONCURRENT_STREAMS wait for a stream or use another connection; none fails."""
    peers.start(Steering(answers_after=0.05, most_streams=2), instead=True)
    environment.fresh_gateway()
    orders.place(1)  # the limit is known once a connection is open; before that a client may exceed it
    block = orders.place(24, callers=8)
    slowest = max(reply.seconds for reply in block.replies)
    measured(
        f"{len(block.failed)} of {len(block.replies)} calls of 8 callers failed, slowest {slowest:.2f} s, "
        f"connections of 2 streams: {len({attempt.peer for attempt in block.attempts})}",
        bound="no failures",
    )

    assert not block.failed


@pytest.mark.claims("F38", "RC-01", source="grpc/grpc doc/connection-backoff.md; gRPC C-core round_robin.cc")
@pytest.mark.catches(SLOW_RECONNECT)
@explained_by(causes.reconnected_too_late)
def test_an_unresponsive_server_gets_its_share_once_it_responds(
    orders: Orders, environment: Environment, peers: Peers, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A server that accepts connections and sends nothing fails no calls, and gets its share once it responds."""
    peer = peers.start(Steering(greets=False))
    environment.fresh_gateway()
    with orders.load() as load:
        peers.wait_for_frame(peer, "PREFACE", within=budgets.reconnect)
        load.wait_until_served(by=names, within=budgets.reply)
        responds = peers.steer(peer, Steering())
        back = recovery(load, since=responds, over=[*names, peer], within=budgets.reconnect)
    measured(f"responds: {back}", bound=f"no failures; even shares within {budgets.reconnect:.1f} s")

    block = load.block()
    assert not block.failed
    assert not waiting_faults(block, budgets, back)
