"""The peer does on the wire what it is steered to do, and writes down what it saw; gRPC's own client tells."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import StreamEnded, StreamReset

from services.proto import order_pb2, order_pb2_grpc
from tests.harness.subject.promises import longest_timeout_received
from tests.harness.world.endpoints import OnStream, Steering
from tests.harness.world.eventually import reached
from tests.loopback import peer as module
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


def test_streams_that_come_before_its_limit_is_known_are_refused_one_by_one(start: Start) -> None:
    """A client may open any number of streams before it has read SETTINGS: those beyond are reset, and no others."""
    peer = start(Steering(most_streams=1))
    client = H2Connection(H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    message = order_pb2.GetOrderRequest(id="early").SerializeToString()
    headers = [(":method", "POST"), (":scheme", "http"), (":path", "/order.OrderService/GetOrder")]
    for stream in (1, 3, 5):
        client.send_headers(stream, [*headers, (":authority", "orders"), ("content-type", "application/grpc")])
        client.send_data(stream, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)
    ended: dict[int, str] = {}
    with socket.create_connection(("127.0.0.1", peer.port), timeout=5.0) as connection:
        connection.sendall(client.data_to_send())
        while len(ended) < 3 and (data := connection.recv(65536)):
            for event in client.receive_data(data):
                if isinstance(event, StreamReset):
                    ended[event.stream_id] = ErrorCodes(event.error_code).name
                elif isinstance(event, StreamEnded):
                    ended[event.stream_id] = "answered"

    assert ended == {1: "answered", 3: "REFUSED_STREAM", 5: "REFUSED_STREAM"}
    assert [each.id for each in peer.ledger.attempts(0.0)] == ["early"]


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


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def _heard(peer: Peer, *sent: bytes) -> bytes:
    """Return all that comes back until the peer closes the connection."""
    with socket.create_connection(("127.0.0.1", peer.port), timeout=5) as client, suppress(ConnectionResetError):
        for piece in sent:
            client.sendall(piece)
        heard = b""
        while piece := client.recv(65536):
            heard += piece
        return heard
    return b""


def _request(path: bytes, message: bytes) -> bytes:
    """Return the frames of a request: headers as literals (RFC 7541, 6.2.2), and a message."""
    head = b"\x83\x86\x00\x05:path%c%s\x00\x0a:authority\x01a" % (len(path), path)
    body = b"\x00" + len(message).to_bytes(4, "big") + message
    return (
        len(head).to_bytes(3, "big")
        + b"\x01\x04"
        + (1).to_bytes(4, "big")
        + head
        + len(body).to_bytes(3, "big")
        + b"\x00\x01"
        + (1).to_bytes(4, "big")
        + body
    )


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        PREFACE + b"\x00\x00\x01\x04\x00\x00\x00\x00\x00\x00",
        PREFACE + _request(b"\xff\xfe", b""),
        PREFACE + _request(b"/a", b"\xff"),
    ],
    ids=["HTTP/1", "no frame", "no text", "no message"],
)
def test_garbage_is_against_the_protocol(start: Start, sent: bytes) -> None:
    """It is noted, the connection ends, and the next client is served."""
    peer = start(Steering())
    _heard(peer, sent)

    assert [frame["frame"] for frame in seen(peer, "frame")] == ["against the protocol"]
    assert ask(peer)[0] is grpc.StatusCode.OK


def test_a_client_that_never_reads_is_disconnected(start: Start) -> None:
    """What is answered to it, such as its pings, does not pile up in memory."""
    unread = SimpleNamespace(
        aborted=0, is_closing=lambda: False, write=lambda _: None, get_write_buffer_size=lambda: module.MOST_BYTES + 1
    )
    unread.abort = lambda: setattr(unread, "aborted", unread.aborted + 1)
    connection = module._Connection(start(Steering()))
    connection._transport = unread  # type: ignore[assignment]  # in its place
    connection._flush()

    assert unread.aborted == 1


def test_too_many_clients_are_disconnected(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were there before stay."""
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 3)
    peer = start(Steering())
    clients = [socket.create_connection(("127.0.0.1", peer.port), timeout=5) for _ in range(4)]
    with suppress(ConnectionResetError):
        assert clients[-1].recv(1) == b""

    assert [client.recv(9)[3] for client in clients[:3]] == [4] * 3  # SETTINGS
    for client in clients:
        client.close()
