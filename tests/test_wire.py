"""
What may come over a connection is taken as gRPC says: a peer beside the replicas sends HTTP/2 frames by hand.

Each behaviour judges the calls whose first attempt met the peer.
"""

import pytest

from tests.harness.environment import Measured
from tests.harness.orders import Block, Orders
from tests.harness.promises import Promises
from tests.harness.verdict import InconclusiveError
from tests.loopback.environment import LoopbackEnvironment
from tests.loopback.peer import OnStream, Steering
from tests.mutants.wire import NO_TRANSPARENT_RETRY, RETRIES_ALL_BY_HAND, RETRIES_CANCELLED

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin"),
    pytest.mark.given_spread_calls,
    pytest.mark.only_in("loopback", reason="only there can a peer that is steered by hand be listed"),
]


def past_a_peer(environment: LoopbackEnvironment, orders: Orders, on_stream: OnStream) -> Block:
    """Place orders where a peer is listed beside the replicas; return those whose first attempt met it."""
    peer = environment.list_peer(Steering(on_stream))
    environment.fresh_gateway()
    block = orders.place(40, rate=60)
    met = {trail[0].id for trail in block.trails if trail and trail[0].replica == peer}
    if not met:
        raise InconclusiveError(f"none of {len(block.replies)} calls met the peer")
    replies = tuple(reply for reply in block.replies if reply.id in met)
    return Block(replies, tuple(attempt for attempt in block.attempts if attempt.id in met))


@pytest.mark.claims("RT-18", "RT-20", source="gRFC A6, Transparent Retries, case 3; RFC 9113, 6.8")
@pytest.mark.catches(NO_TRANSPARENT_RETRY)
def test_a_call_that_a_goaway_excludes_is_sent_again(
    orders: Orders, environment: LoopbackEnvironment, measured: Measured
) -> None:
    """A call that a GOAWAY's last stream id says was never looked at is sent again, and that counts as no retry."""
    block = past_a_peer(environment, orders, OnStream.REFUSES_BY_GOAWAY)
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
def test_a_refused_stream_is_sent_again(orders: Orders, environment: LoopbackEnvironment, measured: Measured) -> None:
    """A call whose stream is reset with REFUSED_STREAM is sent again, and that counts as no retry."""
    block = past_a_peer(environment, orders, OnStream.REFUSES)
    again = [trail[1].previous_attempts for trail in block.trails if len(trail) > 1]
    measured(
        f"{len(block.replies)} calls refused, {len(again)} sent again, "
        f"{len([each for each in again if each])} of them counted",
        bound="all are sent again, none is counted",
    )

    assert again == [None] * len(block.replies)


@pytest.mark.claims("RT-01", "RT-19", source="grpc/grpc doc/PROTOCOL-HTTP2.md, Errors; gRFC A6")
@pytest.mark.catches(RETRIES_CANCELLED)
def test_a_cancelled_stream_is_not_sent_again(
    orders: Orders, environment: LoopbackEnvironment, promises: Promises, measured: Measured
) -> None:
    """A call whose stream is reset with CANCEL ends CANCELLED, which is not retried."""
    if "CANCELLED" in promises.retryable_codes:
        pytest.skip("it promises to retry CANCELLED")
    block = past_a_peer(environment, orders, OnStream.CANCELS)
    measured(
        f"{len(block.replies)} calls reset, {len(block.attempts)} attempts, "
        f"ended {', '.join(sorted({str(reply.code) for reply in block.replies}))}",
        bound="1 attempt each, CANCELLED",
    )

    assert len(block.attempts) == len(block.replies)
    assert {reply.code for reply in block.replies} <= {"CANCELLED", None}


@pytest.mark.claims("RT-11", source="gRFC A6, Pushback: a value that does not parse asks for no retry")
@pytest.mark.catches(RETRIES_ALL_BY_HAND)
def test_a_pushback_that_is_no_number_ends_the_retries(
    orders: Orders, environment: LoopbackEnvironment, measured: Measured
) -> None:
    """A failure whose grpc-retry-pushback-ms does not parse is not retried, though its code is retryable."""
    block = past_a_peer(environment, orders, OnStream.PUSHES_BACK_IN_WORDS)
    measured(
        f"{len(block.replies)} calls pushed back, {len(block.attempts)} attempts, "
        f"ended {', '.join(sorted({str(reply.code) for reply in block.replies}))}",
        bound="1 attempt each",
    )

    assert len(block.attempts) == len(block.replies)
