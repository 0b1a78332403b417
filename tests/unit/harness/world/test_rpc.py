"""Calls of a gRPC subject: the status that it sends, and an end to every call."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from hyperframe.frame import GoAwayFrame

from tests.harness.subject.fronts import Rpc
from tests.harness.world.exchange import MOST_BYTES, UNANSWERED, NoAnswerError, Request, TooLongError
from tests.harness.world.orders import Orders
from tests.harness.world.placing import Called
from tests.harness.world.rpc import INTERNAL, UNAVAILABLE, UNIMPLEMENTED, UNKNOWN, RpcCaller

SOON = 5.0
PATIENCE = 0.4


class Service(grpc.GenericRpcHandler):
    """Answers by the name of the method; `seen` are the metadata and the message of each call."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, Any], bytes]] = []

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return what answers a method."""
        answer = getattr(self, details.method.rpartition("/")[2].lower(), None)
        return grpc.unary_stream_rpc_method_handler(answer) if answer else None

    def once(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Reply."""
        self.seen.append((dict(context.invocation_metadata()), request))
        yield b"x"

    @staticmethod
    def fails(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Fail after a first message."""
        yield b"x"
        context.abort(grpc.StatusCode.DATA_LOSS, "gone: all of it, ä")

    @staticmethod
    def floods(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Never end, fast."""
        while context.is_active():
            yield b"x" * 60_000

    @staticmethod
    def drips(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Never end, slowly."""
        while context.is_active():
            yield b"x"
            time.sleep(0.02)


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    """Serve; return the URL and what is served."""
    service = Service()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([service])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", service
    server.stop(None)


def call(url: str, method: str = "Once", seconds: float = SOON, message: bytes = b"") -> tuple[int, str]:
    """Return the number of a call's code, and the message that came with it."""
    caller = RpcCaller()
    try:
        answer = caller.exchange(Request(f"/a.B/{method}", url, {"X-Id": "o1-1"}, message), seconds)
    finally:
        caller.close()
    return answer.status, answer.body.decode()


def test_a_call_arrives_as_any_client_would_make_it(served: tuple[str, Service]) -> None:
    """With its metadata, its message and no deadline, which would be the caller's and not the subject's."""
    url, service = served
    large = b"m" * 200_000  # more than the first window has room for

    assert call(url, message=large) == (0, "")
    ((metadata, message),) = service.seen
    assert (metadata["x-id"], message) == ("o1-1", large)
    assert "grpc-timeout" not in metadata


def test_a_stream_is_served_once_it_has_ended_with_ok(served: tuple[str, Service]) -> None:
    """Not with its first message; the words are decoded."""
    assert call(served[0], "Fails") == (15, "gone: all of it, ä")


def test_a_method_that_is_not_there_is_the_servers_answer(served: tuple[str, Service]) -> None:
    """As any other failure."""
    assert call(served[0], "Nope")[0] == UNIMPLEMENTED


def test_one_connection_carries_one_call_after_the_other(served: tuple[str, Service]) -> None:
    """It is dialled once, and again after it was closed."""
    url, service = served
    caller = RpcCaller()
    for _ in range(3):
        assert caller.exchange(Request("/a.B/Once", url), SOON).status == 0
    caller.close()

    assert caller.exchange(Request("/a.B/Once", url), SOON).status == 0
    assert len(service.seen) == 4
    caller.close()


@pytest.mark.parametrize(("method", "error"), [("Drips", TimeoutError), ("Floods", TooLongError)])
def test_a_reply_without_end_is_given_up(served: tuple[str, Service], method: str, error: type[Exception]) -> None:
    """By time and by size."""
    began = time.monotonic()
    with pytest.raises(error):
        call(served[0], method, PATIENCE if error is TimeoutError else 30.0)

    assert time.monotonic() - began < 10.0


class Peer:
    """Accepts connections, and does by hand what a test says, once for each."""

    def __init__(self, *doing: Callable[[socket.socket], object]) -> None:
        self._doing = doing
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        for do in self._doing:
            connection, _ = self._socket.accept()
            do(connection)
            connection.close()
        self._socket.close()


def http2(answer: Callable[[H2Connection, int], bytes | None]) -> Callable[[socket.socket], None]:
    """Return what takes one request and answers it, then waits for the client to hang up."""

    def serve(connection: socket.socket) -> None:
        server = H2Connection(H2Configuration(client_side=False))
        server.initiate_connection()
        connection.sendall(server.data_to_send())
        while data := connection.recv(65536):
            for event in server.receive_data(data):
                if isinstance(event, RequestReceived):
                    raw = answer(server, event.stream_id or 0)
                    connection.sendall(server.data_to_send() + (raw or b""))
            connection.sendall(server.data_to_send())

    return serve


def _headers(*pairs: tuple[str, str]) -> Callable[[H2Connection, int], None]:
    return lambda server, stream: server.send_headers(stream, list(pairs), end_stream=True)


def _is_silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


OK = _headers((":status", "200"), ("grpc-status", "0"))


def _refuse(server: H2Connection, stream: int) -> None:
    server.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def _leave(_server: H2Connection, _stream: int) -> bytes:
    return bytes(GoAwayFrame(0, last_stream_id=0).serialize())


def _serve_and_leave(server: H2Connection, stream: int) -> bytes:
    leaving = GoAwayFrame(0, last_stream_id=stream).serialize()
    server.send_headers(stream, [(":status", "200"), ("grpc-status", "0")], end_stream=True)
    return bytes(leaving)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (_headers((":status", "503")), UNAVAILABLE),
        (_headers((":status", "404")), UNIMPLEMENTED),
        (_headers((":status", "418")), UNKNOWN),
        (_headers((":status", "200")), UNKNOWN),
        (_headers((":status", "200"), ("grpc-status", "99")), UNKNOWN),
        (_headers((":status", "200"), ("grpc-status", "nine")), UNKNOWN),
        (lambda server, stream: server.reset_stream(stream, ErrorCodes.CANCEL), 1),
        (lambda server, stream: server.reset_stream(stream, ErrorCodes.INTERNAL_ERROR), INTERNAL),
        (lambda server, stream: server.reset_stream(stream, 99), INTERNAL),
    ],
    ids=["503", "404", "418", "no status", "unknown", "no number", "cancelled", "internal", "reset with 99"],
)
def test_what_is_no_status_has_the_code_that_grpc_gives_it(
    answer: Callable[[H2Connection, int], None], code: int
) -> None:
    """By gRPC's tables for HTTP and HTTP/2."""
    assert call(Peer(http2(answer)).url)[0] == code


@pytest.mark.parametrize("refuses", [_refuse, _leave])
def test_a_call_that_was_not_begun_is_made_again(refuses: Callable[[H2Connection, int], bytes | None]) -> None:
    """Once, over another connection."""
    assert call(Peer(http2(refuses), http2(OK)).url) == (0, "")
    with pytest.raises(NoAnswerError):
        call(Peer(http2(refuses), http2(refuses)).url)


def test_a_subject_that_leaves_finishes_its_calls() -> None:
    """After GOAWAY; the next call goes over another connection."""
    url = Peer(http2(_serve_and_leave), http2(OK)).url
    caller = RpcCaller()

    assert caller.exchange(Request("/a.B/Once", url), SOON).status == 0
    assert caller.exchange(Request("/a.B/Once", url), SOON).status == 0
    caller.close()


@pytest.mark.parametrize(
    ("do", "told"),
    [
        (lambda one: one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak HTTP/2"),
        (lambda one: one.recv(10), "closed|reset"),
    ],
    ids=["HTTP/1", "closes"],
)
def test_what_is_no_grpc_server_is_told(do: Callable[[socket.socket], object], told: str) -> None:
    """In a few words."""
    with pytest.raises(NoAnswerError, match=told):
        call(Peer(do).url)


def test_a_port_that_is_closed_is_told() -> None:
    """It is no answer of the subject."""
    with pytest.raises(NoAnswerError, match="refused"):
        call("http://127.0.0.1:1")


def test_a_silent_subject_takes_no_longer_than_its_deadline() -> None:
    """Of an order: it has no status, and the words say for how long it was waited for."""
    placing = Called(Rpc("a.B/Once"), lambda _: None, lambda _: "a")
    peer = Peer(_is_silent)
    reply = Orders(lambda: peer.url, lambda _: [], PATIENCE, placing=placing).one()

    assert (reply.status, reply.code) == (None, None)
    assert reply.message.endswith(f"no reply within {PATIENCE} s")
    assert reply.seconds < 1.5


def test_a_reply_tells_its_code(served: tuple[str, Service]) -> None:
    """As one that was named, not concluded."""
    url, _ = served
    told = [
        Orders(lambda: url, lambda _: [], SOON, placing=Called(Rpc(f"a.B/{name}"), lambda _: None, lambda _: "a")).one()
        for name in ("Once", "Fails")
    ]

    assert [reply.code for reply in told] == ["OK", "DATA_LOSS"]
    assert [reply.served_by for reply in told] == ["a", None]
    assert told[1].named_code == "DATA_LOSS"


def test_every_way_to_have_no_answer_is_known() -> None:
    """Orders take no other exception for one."""
    assert {NoAnswerError, TooLongError, TimeoutError} <= set(UNANSWERED)
    assert MOST_BYTES > 200_000
