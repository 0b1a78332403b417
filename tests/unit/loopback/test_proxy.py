"""The proxy: it leads where it is told to, notes what it is asked for, and ends."""

import contextlib
import http.client
import socket
import threading

import pytest

from tests.loopback import proxy as module
from tests.loopback.proxy import PORT, ConnectProxy

IP = "127.91.8.3"


def asked(proxy: ConnectProxy, *more: bytes) -> bytes:
    """Ask for the order service, say more once it is there, and return all that comes back."""
    with socket.create_connection((IP, PORT), timeout=2.0) as connection:
        connection.sendall(b"CONNECT order-service:5000 HTTP/1.1\r\nHost: order-service:5000\r\n\r\n")
        heard = connection.recv(100)
        for each in more:
            connection.sendall(each)
            heard += connection.recv(100)
        assert [each.wanted for each in proxy.tunnels] == ["order-service:5000"]
        return heard


def test_a_live_one_leads_to_its_upstream() -> None:
    """Both ways, until either end closes."""
    with socket.create_server(("127.0.0.1", 0)) as upstream:

        def _echo() -> None:
            connection, _ = upstream.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        threading.Thread(target=_echo, daemon=True).start()
        proxy = ConnectProxy(IP, upstream.getsockname())
        try:
            assert asked(proxy, b"hello") == b"HTTP/1.1 200 Connection established\r\n\r\nHELLO"
        finally:
            proxy.end()


def test_a_broken_one_notes_the_request_and_closes() -> None:
    """The client hears nothing."""
    proxy = ConnectProxy(IP, None)
    try:
        assert asked(proxy) == b""
    finally:
        proxy.end()


def test_another_request_is_no_tunnel() -> None:
    """It is closed and not noted."""
    proxy = ConnectProxy(IP, None)
    try:
        client = http.client.HTTPConnection(IP, PORT, timeout=2.0)
        client.request("GET", "/")
        with pytest.raises(http.client.RemoteDisconnected):
            client.getresponse()
        assert not proxy.tunnels
    finally:
        proxy.end()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((IP, PORT), timeout=2.0)


def test_a_flood_of_clients_takes_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of clients that never say anything only so many are kept; a request without a target is no reason to break."""
    monkeypatch.setattr(module, "MOST_OPEN", 4)
    before = threading.active_count()
    proxy = ConnectProxy(IP, None)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((IP, PORT), timeout=2.0)) for _ in range(50)]
        assert clients[-1].recv(1) == b""
        assert threading.active_count() - before <= 1 + 2 * 4
        clients[0].sendall(b"CONNECT \r\n\r\n")
        assert clients[0].recv(1) == b""
    proxy.end()

    assert [tunnel.wanted for tunnel in proxy.tunnels] == [""]
