"""The name server's clients: dnspython, c-ares (C-core's resolver) and plain sockets."""

import queue
import socket
from typing import Any, Protocol

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pycares
import pycares.errno

from tests.loopback.name_server import NameServer

TYPE_OF = {"A": pycares.QUERY_TYPE_A, "AAAA": pycares.QUERY_TYPE_AAAA, "TXT": pycares.QUERY_TYPE_TXT}
NAME = "order-service"
THREE = ["127.1.2.11", "127.1.2.12", "127.1.2.13"]

PATIENCE = 5.0
"""*Patience.* Seconds for an answer: 20 threads on a machine at load 8 do not all get a turn in 0.4 s."""


class Ask(Protocol):
    """A way to query a name server."""

    def __call__(self, server: NameServer, name: str, kind: str, *, within: float = PATIENCE) -> tuple[str, list[str]]:
        """Query once, and wait `within` seconds for the answer."""


def ask_dnspython(server: NameServer, name: str, kind: str, *, within: float = PATIENCE) -> tuple[str, list[str]]:
    """Ask with dnspython's resolver: the outcome, and the values in the order received."""
    host, _, port = server.address.partition(":")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], int(port)
    resolver.timeout = resolver.lifetime = within  # one query: a second one would be counted too
    try:
        records = list(resolver.resolve(name + ".", kind))
    except dns.resolver.NXDOMAIN:
        return "NXDOMAIN", []
    except dns.resolver.NoAnswer:
        return "EMPTY", []
    except dns.resolver.NoNameservers:
        return "SERVFAIL", []
    except dns.resolver.LifetimeTimeout:
        return "silent", []
    texts = (b"".join(r.strings).decode() if kind == "TXT" else r.address for r in records)
    return "NOERROR", list(texts)


def ask_cares(server: NameServer, name: str, kind: str, *, within: float = PATIENCE) -> tuple[str, list[str]]:
    """Ask with c-ares, without EDNS as C-core does: the outcome, and the values as received."""
    outcomes = {
        None: "NOERROR",
        pycares.errno.ARES_ENOTFOUND: "NXDOMAIN",
        pycares.errno.ARES_ENODATA: "EMPTY",
        pycares.errno.ARES_ESERVFAIL: "SERVFAIL",
        pycares.errno.ARES_ETIMEOUT: "silent",
    }
    answers: queue.SimpleQueue[tuple[Any, int | None]] = queue.SimpleQueue()
    channel = pycares.Channel(flags=0, timeout=within, tries=1, servers=[server.address])
    channel.query(name, TYPE_OF[kind], callback=lambda result, error: answers.put((result, error)))
    result, error = answers.get(timeout=2 * within + 1)
    channel.close()
    records = [record.data for record in result.answer] if result else []
    return outcomes[error], [r.data.decode() if kind == "TXT" else r.addr for r in records]


def ask_raw(server: NameServer, packet: bytes, *, within: float = 1.0) -> bytes:
    """Send any bytes over UDP and return what comes back; TimeoutError if nothing does."""
    host, _, port = server.address.partition(":")
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(within)
        client.sendto(packet, (host, int(port)))
        return client.recv(65535)


def endpoint(server: NameServer) -> tuple[str, int]:
    """Split the server's address for the socket module."""
    host, _, port = server.address.partition(":")
    return host, int(port)
