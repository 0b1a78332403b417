"""
What may come over a connection is taken as gRPC says: a peer beside the replicas sends HTTP/2 frames by hand.

Each behaviour judges the calls whose first attempt met the peer.
"""

import pytest

from tests.behaviours.mutants import SLOW_RECONNECT, SLOW_RESOLUTION
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
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
]


def past_a_peer(environment: Environment, peers: Peers, orders: Orders, on_stream: OnStream) -> Block:
    """Place orders where a peer is listed beside the replicas; return those whose first attempt met it."""
    peer = peers.start(Steering(on_stream))
    environment.fresh_gateway()
    block = orders.place(40, rate=60)
    met = {trail[0].id for trail in block.trails if trail and trail[0].replica == peer}
    if not met:
        raise InconclusiveError(f"none of {len(block.replies)} calls met the peer")
    replies = tuple(reply for reply in block.replies if reply.id in met)
    return Block(replies, tuple(attempt for attempt in block.attempts if attempt.id in met))


@pytest.mark.claims("RT-18", "RT-20", source="gRFC A6, Transparent Retries, case 3; RFC 9113, 6.8")
@pytest.mark.catches(NO_TRANSPARENT_RETRY)
@explained_by(causes.refused)
def test_a_call_that_a_goaway_excludes_is_sent_again(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """A call that a GOAWAY's last stream id says was never looked at is sent again, and that counts as no retry."""
    block = past_a_peer(environment, peers, orders, OnStream.REFUSES_BY_GOAWAY)
    again = [trail[1].previous_attempts for trail in block.trails if len(trail) > 1]
    measured(
        f"{len(block.replies)} calls excluded, {len(block.failed)} failed, {len(again)} sent again, "
        f"{len([each for each in again if each])} of them counted",
        bound="none fails, none is counted",
    )

    assert not block.failed
    assert again == [None] * len(block.replies)


@pytest.mark.claims("RT-19", source="gRFC A6, Transparent Retries, case 3; RFC 9113, 8.7")
@pytest.mark.catches(NO_TRANSPARENT_RETRY)
@explained_by(causes.refused)
def test_a_refused_stream_is_sent_again(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """A call whose stream is reset with REFUSED_STREAM is sent again, and that counts as no retry."""
    block = past_a_peer(environment, peers, orders, OnStream.REFUSES)
    again = [trail[1].previous_attempts for trail in block.trails if len(trail) > 1]
    measured(
        f"{len(block.replies)} calls refused, {len(again)} sent again, "
        f"{len([each for each in again if each])} of them counted",
        bound="all are sent again, none is counted",
    )

    assert again == [None] * len(block.replies)


@pytest.mark.claims("RT-01", "RT-19", source="grpc/grpc doc/PROTOCOL-HTTP2.md, Errors; gRFC A6")
@pytest.mark.catches(RETRIES_CANCELLED)
@explained_by(causes.cancelled)
def test_a_cancelled_stream_is_not_sent_again(
    orders: Orders, environment: Environment, peers: Peers, promises: Promises, measured: Measured
) -> None:
    """A call whose stream is reset with CANCEL ends CANCELLED, which is not retried."""
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


@pytest.mark.claims("RT-11", source="gRFC A6, Pushback: a value that does not parse asks for no retry")
@pytest.mark.catches(RETRIES_ALL_BY_HAND)
@explained_by(causes.pushed_back)
def test_a_pushback_that_is_no_number_ends_the_retries(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """A failure whose grpc-retry-pushback-ms does not parse is not retried, though its code is retryable."""
    block = past_a_peer(environment, peers, orders, OnStream.PUSHES_BACK_IN_WORDS)
    measured(
        f"{len(block.replies)} calls pushed back, {len(block.attempts)} attempts, "
        f"ended {', '.join(sorted({str(reply.code) for reply in block.replies}))}",
        bound="1 attempt each",
    )

    assert len(block.attempts) == len(block.replies)


@pytest.mark.claims("F15", "F13", source="grpc/grpc doc/connectivity-semantics-and-api.md (GOAWAY); gRFC A61")
@pytest.mark.catches(SLOW_RESOLUTION)
@explained_by(causes.not_re_resolved_after_goaway)
def test_a_goaway_makes_the_gateway_ask_again(
    orders: Orders, environment: Environment, dns: Dns, peers: Peers, budgets: Budgets, measured: Measured
) -> None:
    """After a GOAWAY the gateway asks the name server again, as soon as its own floor between questions allows."""
    peer = peers.start(Steering(OnStream.REFUSES_BY_GOAWAY))
    environment.fresh_gateway()
    with orders.load():
        goaway = peers.wait_for_frame(peer, "GOAWAY", within=budgets.reconnect)
        query = dns.wait_for_query(since=goaway.at, within=budgets.ask)
    measured(
        f"asked after {query.monotonic - goaway.at:.2f} s" if query else "never asked again",
        bound=f"within {budgets.ask:.2f} s",
    )

    assert query is not None


@pytest.mark.claims("F60", source="RFC 9113, 5.1.2 and 6.5.2; https://grpc.io/docs/guides/performance")
@pytest.mark.catches(SHEDS_LOAD)
@explained_by(causes.own_limit)
def test_calls_beyond_the_servers_limit_of_streams_wait(
    orders: Orders, environment: Environment, peers: Peers, measured: Measured
) -> None:
    """Calls beyond SETTINGS_MAX_CONCURRENT_STREAMS wait for a stream, or take another connection: none fails."""
    peers.start(Steering(answers_after=0.05, most_streams=2), instead=True)
    environment.fresh_gateway()
    block = orders.place(24, callers=8)
    slowest = max(reply.seconds for reply in block.replies)
    measured(
        f"8 callers, 2 streams on each of {len({each.peer for each in block.attempts})} connections, "
        f"{len(block.failed)} of {len(block.replies)} calls failed, slowest {slowest:.2f} s",
        bound="none fails",
    )

    assert not block.failed


@pytest.mark.claims("F38", "RC-01", source="grpc/grpc doc/connection-backoff.md; gRPC C-core round_robin.cc")
@pytest.mark.catches(SLOW_RECONNECT)
@explained_by(causes.reconnected_too_late)
def test_a_listener_that_says_nothing_has_its_share_once_it_speaks(
    orders: Orders, environment: Environment, peers: Peers, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """A server that accepts connections without a word costs no call, and has its share once it starts anew."""
    peer = peers.start(Steering(greets=False))
    environment.fresh_gateway()
    with orders.load() as load:
        peers.wait_for_frame(peer, "PREFACE", within=budgets.reconnect)
        load.wait_until_served(by=names)
        speaks = peers.steer(peer, Steering())
        back = recovery(load, since=speaks, over=[*names, peer], within=budgets.reconnect)
    measured(f"speaks: {back}", bound=f"none fails, even within {budgets.reconnect:.1f} s")

    assert not load.block().failed
