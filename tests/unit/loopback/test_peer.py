"""The peer does on the wire what it is steered to do, and writes down what it saw; gRPC's own client tells."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import grpc
import pytest

from services.proto import order_pb2, order_pb2_grpc
from tests.harness.subject.promises import longest_timeout_received
from tests.harness.world.endpoints import OnStream, Steering
from tests.harness.world.eventually import reached
from tests.loopback.peer import Peer

NO_RETRIES = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]

Start = Callable[[Steering], Peer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts a peer; all are ended behind the test."""
    peers: list[Peer] = []

    def _start(steering: Steering) -> Peer:
        peers.append(Peer(f"peer-{len(peers)}", ("127.0.0.1", 0), steering, tmp_path))
        return peers[-1]

    yield _start
    for peer in peers:
        peer.end()


def ask(peer: Peer, order_id: str = "o1", timeout: float = 5.0) -> tuple[grpc.StatusCode, str, str]:
    """Place one order at a peer, without any retry; return its code, who served it, and the details of a failure."""
    with grpc.insecure_channel(f"127.0.0.1:{peer.port}", NO_RETRIES) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        done = call.future(order_pb2.GetOrderRequest(id=order_id), timeout=timeout)
        code = done.code()
        return code, "" if code is not grpc.StatusCode.OK else done.result().served_by, done.details() or ""


def seen(peer: Peer, event: str) -> list[dict[str, object]]:
    """Return what a peer wrote down of one kind, once it has seen everything."""
    peer.fence()
    return [each for each in peer.ledger.events() if each["event"] == event]


def test_it_answers_as_an_order_service_does(start: Start) -> None:
    """The order comes back with its name, and the attempt stands in its ledger with deadline and connection."""
    peer = start(Steering())

    assert ask(peer)[:2] == (grpc.StatusCode.OK, "peer-0")
    (attempt,) = peer.ledger.attempts(0.0)
    assert (attempt.id, attempt.replica, attempt.code, attempt.previous_attempts) == ("o1", "peer-0", "OK", None)
    assert attempt.method == "/order.OrderService/GetOrder"
    assert 4.0 < (attempt.deadline_left or 0.0) <= longest_timeout_received(5.0)
    assert [each["peer"] for each in seen(peer, "connection_opened")] == [attempt.peer]


@pytest.mark.parametrize(
    ("on_stream", "code", "frame"),
    [
        (OnStream.REFUSES, grpc.StatusCode.UNAVAILABLE, "RST_STREAM stream 1, REFUSED_STREAM"),
        (OnStream.CANCELS, grpc.StatusCode.CANCELLED, "RST_STREAM stream 1, CANCEL"),
        (OnStream.REFUSES_BY_GOAWAY, grpc.StatusCode.UNAVAILABLE, "GOAWAY last stream 0, NO_ERROR"),
    ],
)
def test_it_ends_streams_as_it_is_steered(start: Start, on_stream: OnStream, code: grpc.StatusCode, frame: str) -> None:
    """The client sees the code that gRPC makes of the frame, and the frame stands in the ledger."""
    peer = start(Steering(on_stream))

    assert ask(peer)[0] is code
    assert [each.code for each in peer.ledger.attempts(0.0)] == [None]
    assert [f"{each['frame']} {each['detail']}" for each in seen(peer, "frame")] == [frame]


def test_it_pushes_back_in_words(start: Start) -> None:
    """C-core says itself what it makes of a pushback that does not parse."""
    peer = start(Steering(OnStream.PUSHES_BACK_IN_WORDS))

    assert "grpc-retry-pushback-ms" in ask(peer)[2]
    assert [each.code for each in peer.ledger.attempts(0.0)] == ["UNAVAILABLE"]


def test_a_peer_that_does_not_greet_is_no_ready_server(start: Start) -> None:
    """The connection is open, and no call gets through."""
    peer = start(Steering(greets=False))

    assert ask(peer, timeout=0.3)[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(seen(peer, "connection_opened")) == 1
    assert [each["frame"] for each in seen(peer, "frame")] == ["PREFACE"]
    assert list(peer.ledger.attempts(0.0)) == []


def test_a_peer_that_is_steered_to_greet_ends_what_it_left_silent(start: Start) -> None:
    """The connection that it never greeted is closed, the next one is served."""
    peer = start(Steering(greets=False))
    with grpc.insecure_channel(f"127.0.0.1:{peer.port}", NO_RETRIES) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        done = call.future(order_pb2.GetOrderRequest(id="o1"), timeout=5.0, wait_for_ready=True)
        reached(lambda: seen(peer, "frame"), within=5.0, what="the client has connected")
        peer.steer(Steering())

        assert done.result().served_by == "peer-0"
    assert len(seen(peer, "connection_opened")) == 2


def test_calls_beyond_its_limit_of_streams_wait(start: Start) -> None:
    """Two of three calls wait, each for the one before it."""
    peer = start(Steering(answers_after=0.05, most_streams=1))
    with grpc.insecure_channel(f"127.0.0.1:{peer.port}", NO_RETRIES) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        calls = [call.future(order_pb2.GetOrderRequest(id=f"o{number}"), timeout=5.0) for number in range(3)]
        assert [each.code() for each in calls] == [grpc.StatusCode.OK] * 3
    arrived = [each.arrived for each in peer.ledger.attempts(0.0)]

    assert min(later - earlier for earlier, later in pairwise(arrived)) >= 0.05
    assert seen(peer, "frame") == []


def test_it_ends_a_connection_that_is_pinged_too_often(start: Start) -> None:
    """A client without calls pings once, which is one too many."""
    peer = start(Steering(most_pings=0))
    keepalive = [("grpc.keepalive_time_ms", 100), ("grpc.keepalive_permit_without_calls", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{peer.port}", [*NO_RETRIES, *keepalive]) as channel:
        grpc.channel_ready_future(channel).result(5.0)
        reached(lambda: seen(peer, "connection_closed"), within=5.0, what="the connection is closed")

    assert [f"{each['frame']} {each['detail']}".strip() for each in seen(peer, "frame")][:2] == [
        "PING",
        "GOAWAY last stream 0, ENHANCE_YOUR_CALM",
    ]


def test_it_ends_once(start: Start) -> None:
    """What was open is closed, nobody listens any more, and a second end does nothing."""
    peer = start(Steering())
    ask(peer)
    peer.end()
    peer.end()

    assert [each["event"] for each in peer.ledger.events()][-1] == "exit"
    assert ask(peer, timeout=1.0)[0] in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
