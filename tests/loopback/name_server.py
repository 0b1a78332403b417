"""The loopback environment's name server: A, AAAA and TXT over UDP and TCP, with faults and a query log."""

import contextlib
import ipaddress
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from tests.harness.world.capabilities import Query
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.dns_sockets import Protocol, bind


@dataclass(frozen=True)
class Fault:
    """A way to answer wrongly: one of the constants below, `slow` or `subset`; `delay` is in seconds."""

    rcode: str | None = None
    at_most: int | None = None
    silent: bool = False
    stale: bool = False
    truncated: bool = False
    in_order: bool = False
    delay: float = 0.0
    kinds: frozenset[str] = frozenset()

    def only(self, *kinds: str) -> "Fault":
        """Limit the fault to queries of these types, such as "AAAA"; the others are answered correctly."""
        return replace(self, kinds=frozenset(kinds))


NXDOMAIN = Fault(rcode="NXDOMAIN")
EMPTY = Fault(rcode="NOERROR", at_most=0)
SERVFAIL = Fault(rcode="SERVFAIL")
SILENT = Fault(silent=True)
STALE = Fault(stale=True)  # keeps answering with the records at the time `fail` was called
IN_ORDER = Fault(in_order=True)  # not a fault: the records in the order set, in every answer
TRUNCATED = Fault(truncated=True)  # over UDP: TC and no records; TCP carries them
_HEALTHY = Fault()
_NO_QUESTION = bytes(12)
"""A message without a question: it is answered FORMERR, and not logged."""

FENCED = 5.0
"""Seconds that a fence may take, even with queries arriving all the time."""

MOST_LOGGED = 100_000
"""Queries in the log: more in one behaviour cannot be judged."""


def slow(seconds: float) -> Fault:
    """Delay every answer by this many seconds; it carries the records at the time of the query."""
    return Fault(delay=seconds)


def subset(count: int) -> Fault:
    """Answer with only the first `count` records, in the order set: the same ones every time."""
    return Fault(at_most=count)


class NameServer:
    """
    A name server on one port of `host`, UDP and TCP; `port` 0 takes a free one.

    The constructor binds, and raises OSError if it cannot. Records of a name are rotated by one position
    with every answer that carries them, as BIND's `rrset-order cyclic` does, starting in the order set.
    """

    def __init__(self, host: str, port: int = 0) -> None:
        self._servers = bind(host, port)
        for server in self._servers:
            server.reply = self._reply
        self.address = f"{host}:{self._servers[0].server_address[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._wake, self._waker = socket.socketpair()  # lets `stop` work without polling
        self._stopping = threading.Event()
        self._changed = threading.Condition()  # guards everything below
        self._names: dict[dns.name.Name, dict[str, _Records]] = {}
        self._faults: dict[dns.name.Name, tuple[Fault, dict[str, _Records] | None]] = {}
        self._aliases: dict[dns.name.Name, list[dns.name.Name]] = {}
        self._log: list[Query] = []

    def start(self) -> None:
        """Start answering, once; queries that arrived since the port was bound are answered too."""
        self._thread.start()

    def stop(self) -> None:
        """Free the port and end every thread, without waiting for slow answers; they are never sent."""
        self._stopping.set()
        self._waker.close()
        if self._thread.is_alive():
            self._thread.join()
        self._wake.close()
        for server in self._servers:
            server.end_workers()
            server.server_close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def set(self, name: str, addresses: Sequence[str], *, ttl: int = 0) -> None:
        """Replace the A and AAAA records of a name (`ttl` in seconds). Raises ValueError for an invalid IP address."""
        split: dict[str, list[str]] = {"A": [], "AAAA": []}
        for address in addresses:
            split["A" if ipaddress.ip_address(address).version == 4 else "AAAA"].append(address)
        self._replace(name, {kind: _Records(values, ttl) for kind, values in split.items()})

    def set_text(self, name: str, text: str) -> None:
        """Replace the TXT record of a name; it travels in strings of 255 bytes, RFC 1035 section 3.3."""
        self._replace(name, {"TXT": _Records([text], ttl=0)})

    def alias(self, name: str, *names: str) -> None:
        """Answer that a name is an alias of the first of these, that of the next, and the last has its records."""
        with self._changed:
            self._aliases[_key(name)] = [_key(other) for other in names]

    def fail(self, name: str, fault: Fault) -> None:
        """Answer queries for a name with this fault until `heal`; it replaces an earlier one."""
        with self._changed:
            self._faults[_key(name)] = fault, self._names.get(_key(name))

    def heal(self, name: str) -> None:
        """Answer queries for a name correctly again."""
        with self._changed:
            self._faults.pop(_key(name), None)

    def queries(self, name: str | None = None, *, kind: str | None = None, since: float = 0.0) -> list[Query]:
        """
        Return a copy of the log, in order of arrival, since a `time.monotonic`.

        Raises InconclusiveError if there were too many to log them all.
        """
        with self._changed:
            self._check_log()
            found = self._logged(0, name, kind, since)
        return sorted(found, key=lambda query: query.monotonic)

    def evidence(self, since: float) -> list[Query]:
        """Return what was logged since a `time.monotonic`, even if that is not everything."""
        with self._changed:
            return self._logged(0, None, None, since)

    def _check_log(self) -> None:
        if len(self._log) >= MOST_LOGGED:
            raise InconclusiveError(f"the gateway sent {MOST_LOGGED} DNS queries or more: not all of them were logged")

    def _logged(self, position: int, name: str | None, kind: str | None, since: float) -> list[Query]:
        """Return the matching queries from a position in the log on."""
        wanted = None if name is None else _text(_key(name))
        return [
            query
            for query in islice(self._log, position, None)
            if query.monotonic >= since and wanted in (None, query.name) and kind in (None, query.kind)
        ]

    def forget(self, before: float) -> None:
        """Drop from the log what arrived before a `time.monotonic`."""
        with self._changed:
            self._log = [query for query in self._log if query.monotonic >= before]

    def wait_for_query(self, name: str, *, kind: str = "A", since: float, within: float) -> Query | None:
        """Return the first such query since a `time.monotonic`, or None if none arrives `within` seconds."""
        looked = 0

        def _new() -> list[Query]:
            nonlocal looked
            self._check_log()
            position, looked = looked, len(self._log)
            return self._logged(position, name, kind, since)

        with self._changed:
            found = self._changed.wait_for(_new, timeout=within)
        return min(found, key=lambda query: query.monotonic, default=None)

    def fence(self) -> None:
        """Return once every earlier datagram has its time of arrival. Raises InconclusiveError if that takes 5 s."""
        deadline = time.monotonic() + FENCED
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(FENCED / 20)
            client.connect(self._servers[0].server_address[:2])
            while time.monotonic() < deadline:
                client.send(_NO_QUESTION)
                with contextlib.suppress(TimeoutError):  # it was dropped, as the server is overloaded
                    client.recv(512)
                    return
        raise InconclusiveError(f"the name server is flooded with queries: none was answered for {FENCED:.0f} s")

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            for server in self._servers:
                selector.register(server, selectors.EVENT_READ, server)
            while not self._stopping.is_set():
                for key, _ in selector.select():
                    if key.data is not None:
                        key.data.handle_request()

    def _replace(self, name: str, records: "dict[str, _Records]") -> None:
        with self._changed:
            # A new dict, never a changed one: a stale answer keeps using the old.
            self._names[_key(name)] = self._names.get(_key(name), {}) | records

    def _reply(self, wire: bytes, protocol: Protocol, client: str, arrival: float) -> bytes | None:
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return _format_error(wire)
        if query.flags & dns.flags.QR or query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return _format_error(wire)
        with self._changed:
            fault = self._fault(query)
            answer = self._answer(query, fault, protocol, client, arrival)
        return None if fault.silent or (fault.delay and self._stopping.wait(fault.delay)) else answer

    def _fault(self, query: dns.message.Message) -> Fault:
        question = query.question[0]
        fault, _ = self._faults.get(question.name, (_HEALTHY, None))
        applies = not fault.kinds or dns.rdatatype.to_text(question.rdtype) in fault.kinds
        return fault if applies else _HEALTHY

    def _answer(
        self, query: dns.message.Message, fault: Fault, protocol: Protocol, client: str, arrival: float
    ) -> bytes:
        name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        known = self._faults[name][1] if fault.stale else self._names.get(name)
        rcode = fault.rcode or ("NXDOMAIN" if known is None else "NOERROR")
        records = (known or {}).get(kind, _Records([], ttl=0))
        values = records.chosen(fault) if rcode == "NOERROR" else []

        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        response.set_rcode(dns.rcode.from_text(rcode))
        # A separate set for each record: dnspython drops duplicates within a set, and shuffles it.
        chain = [name, *(self._aliases.get(name, []) if rcode == "NOERROR" else [])]
        response.answer = [
            *(dns.rrset.from_text(alias, 0, "IN", "CNAME", to.to_text()) for alias, to in pairwise(chain)),
            *(dns.rrset.from_rdata(chain[-1], records.ttl, _rdata(kind, value)) for value in values),
        ]
        wire = response.to_wire(max_size=65535)
        # RFC 1035 section 4.2.1 without EDNS, RFC 6891 section 6.2.5 with it.
        if protocol == "udp" and (fault.truncated or len(wire) > max(512, query.payload)):
            response.flags |= dns.flags.TC
            response.answer, values = [], []
            wire = response.to_wire()
        sent = [] if fault.silent else values
        records.turn += bool(sent)
        verdict = "silent" if fault.silent else rcode
        wall = time.time() - (time.monotonic() - arrival)
        if len(self._log) < MOST_LOGGED:
            self._log.append(Query(arrival, wall, _text(name), kind, protocol, client, tuple(sent), verdict))
            self._changed.notify_all()
        return wire


@dataclass
class _Records:
    values: Sequence[str]
    ttl: int
    turn: int = 0

    def chosen(self, fault: Fault) -> list[str]:
        chosen = list(self.values[: fault.at_most])
        start = self.turn % len(chosen) if chosen and not fault.in_order else 0
        return chosen[start:] + chosen[:start]


def _format_error(wire: bytes) -> bytes | None:
    # Responses are never answered: two servers would never stop.
    if len(wire) < 12 or wire[2] & 0x80:  # RFC 1035 section 4.1.1
        return None
    error = dns.message.Message(int.from_bytes(wire[:2], "big"))
    error.flags |= dns.flags.QR
    error.set_rcode(dns.rcode.FORMERR)
    return error.to_wire()


def _rdata(kind: str, value: str) -> dns.rdata.Rdata:
    if kind != "TXT":
        return dns.rdata.from_text("IN", kind, value)
    octets = value.encode()
    strings = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


def _key(name: str) -> dns.name.Name:
    return dns.name.from_text(name)  # absolute, and compared without regard to case


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
