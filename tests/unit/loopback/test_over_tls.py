"""Hand-written peers and listeners over TLS do what they do in plaintext."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from services.order.tls import Tls
from services.proto import order_pb2, order_pb2_grpc
from tests.harness.world.authority import Certificates
from tests.harness.world.endpoints import GREET, OnStream, Steering
from tests.loopback.listeners import SETTINGS, Listener
from tests.loopback.peer import Peer
from tests.loopback.replica import GRPC_PORT

NAME, IP = "order-service", "127.91.9.3"
OPTIONS = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", NAME)]


@pytest.fixture
def certificates(tmp_path: Path) -> Iterator[Certificates]:
    """Make the certificates of a run."""
    made = Certificates(tmp_path / "tls")
    yield made
    made.remove()


def asked(peer: Peer, certificates: Certificates) -> grpc.StatusCode:
    """Place an order at a peer over TLS; return its code."""
    credentials = grpc.ssl_channel_credentials(Path(certificates.files("server")["ca_file"]).read_bytes())
    with grpc.secure_channel(f"127.0.0.1:{peer.port}", credentials, OPTIONS) as channel:
        call = order_pb2_grpc.OrderServiceStub(channel).GetOrder  # type: ignore[no-untyped-call]  # generated
        code: grpc.StatusCode = call.future(order_pb2.GetOrderRequest(id="o1"), timeout=5.0).code()
        return code


@pytest.mark.parametrize(
    ("on_stream", "code"),
    [(OnStream.ANSWERS, grpc.StatusCode.OK), (OnStream.CANCELS, grpc.StatusCode.CANCELLED)],
)
def test_a_peer_answers_over_tls(
    tmp_path: Path, certificates: Certificates, on_stream: OnStream, code: grpc.StatusCode
) -> None:
    """With the name that the call was meant for in its ledger."""
    variables = certificates.replica_variables("server", NAME, [NAME])
    peer = Peer("peer-1", ("127.0.0.1", 0), Steering(on_stream), tmp_path, variables)
    try:
        assert asked(peer, certificates) is code
        peer.fence()
        (attempt,) = [event for event in peer.ledger.events() if event["event"] == "attempt"]
        assert attempt["authority"] == NAME
    finally:
        peer.end()


def test_a_listener_greets_over_tls(certificates: Certificates) -> None:
    """After the handshake; it then closes, as in plaintext."""
    tls = Tls.if_set(certificates.replica_variables("server", NAME, [NAME]))
    assert tls
    listener = Listener(IP, [GREET], tls.context())
    context = ssl.create_default_context(cafile=certificates.files("server")["ca_file"])
    try:
        with (
            socket.create_connection((IP, GRPC_PORT), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=NAME) as encrypted,
        ):
            assert encrypted.recv(64) == SETTINGS
            assert encrypted.recv(64) == b""
    finally:
        listener.end()
