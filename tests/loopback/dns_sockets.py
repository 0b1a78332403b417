"""The sockets of the name server: a thread for each datagram, connection and query, but only so many at a time."""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

Protocol = Literal["udp", "tcp"]

MOST_THREADS = 256
"""Queries, and connections, that are served at a time; beyond that they are dropped, as an overloaded server does."""


class _Workers(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread per datagram or connection, up to a limit, remembered so that all of them can be stopped."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # a gateway may open a connection for each of its queries, all at the same time
    timeout = 0.0  # `handle_request` is only called when something has arrived
    reply: Callable[[bytes, Protocol, str, float], bytes | None]

    def __init__(self, *args: Any) -> None:  # noqa: ANN401, passed on to socketserver as they are
        self._workers: list[tuple[threading.Thread, Any]] = []
        self._free = threading.Semaphore(MOST_THREADS)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, socketserver's own
        thread = self.worker(self.process_request_thread, request, client_address)
        if thread is None:
            self.shutdown_request(request)
            return
        self._workers = [worker for worker in self._workers if worker[0].is_alive()] + [(thread, request)]

    def worker(self, target: Callable[..., None], *args: Any) -> threading.Thread | None:  # noqa: ANN401, the target's
        """Start a thread, or return None if there are too many."""

        def _work() -> None:
            try:
                target(*args)
            finally:
                self._free.release()

        if not self._free.acquire(blocking=False):
            return None
        thread = threading.Thread(target=_work, daemon=True)
        thread.start()
        return thread

    def end_workers(self) -> None:
        for thread, request in self._workers:
            if isinstance(request, socket.socket):
                with contextlib.suppress(OSError):  # already closed
                    request.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Datagram(socketserver.BaseRequestHandler):
    server: "_UdpServer"

    def handle(self) -> None:
        wire, answers, arrival = self.request
        answer = self.server.reply(wire, "udp", text_of(self.client_address), arrival)
        if answer is not None:
            answers.sendto(answer, self.client_address)


class _Connection(socketserver.StreamRequestHandler):
    server: "_TcpServer"

    def handle(self) -> None:
        answering: list[threading.Thread] = []
        self._sending = threading.Lock()
        with contextlib.suppress(OSError):  # the client has disconnected
            while len(length := self.rfile.read(2)) == 2:  # RFC 1035 section 4.2.2
                wire = self.rfile.read(int.from_bytes(length, "big"))
                # A slow answer must not delay the next query on its connection: RFC 7766 section 7.
                thread = self.server.worker(self._answer, wire, time.monotonic())
                if thread is None:
                    break
                answering = [worker for worker in answering if worker.is_alive()] + [thread]
        for thread in answering:
            thread.join()

    def _answer(self, wire: bytes, arrival: float) -> None:
        answer = self.server.reply(wire, "tcp", text_of(self.client_address), arrival)
        if answer is not None:
            with self._sending, contextlib.suppress(OSError):  # the client has disconnected
                self.wfile.write(len(answer).to_bytes(2, "big") + answer)


class _UdpServer(_Workers, socketserver.UDPServer):
    max_packet_size = 65535

    def get_request(self) -> Any:  # noqa: ANN401, socketserver's own
        """Add the time at which a datagram is taken: the thread that answers it may start much later."""
        (wire, answers), client = super().get_request()
        return (wire, answers, time.monotonic()), client


class _TcpServer(_Workers):
    allow_reuse_address = True  # connections of an earlier run in TIME_WAIT must not block the port


def bind(host: str, port: int) -> tuple[_UdpServer, _TcpServer]:
    """Return the server of each protocol, both at the same port. Raises OSError if there is none."""
    attempts = 1 if port else 20  # a port that is free for UDP may be in use for TCP
    for attempt in range(1, attempts + 1):
        udp = _UdpServer((host, port), _Datagram)
        try:
            return udp, _TcpServer((host, udp.server_address[1]), _Connection)
        except OSError:
            udp.server_close()
            if attempt == attempts:
                raise
    raise AssertionError


def text_of(client: tuple[str, int]) -> str:
    """Return the address of a client."""
    return f"{client[0]}:{client[1]}"
