"""The embedded name server, asked by dnspython, by c-ares (C-core's resolver) and by a gRPC channel."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import grpc
import pycares
import pycares.errno
import pytest

from tests.loopback.name_server import (
    EMPTY,
    IN_ORDER,
    NXDOMAIN,
    SERVFAIL,
    SILENT,
    STALE,
    TRUNCATED,
    Fault,
    NameServer,
    slow,
    subset,
)

TYPE_OF = {"A": pycares.QUERY_TYPE_A, "AAAA": pycares.QUERY_TYPE_AAAA, "TXT": pycares.QUERY_TYPE_TXT}
NAME = "order-service"
THREE = ["127.1.2.11", "127.1.2.12", "127.1.2.13"]
MANY = [f"127.1.3.{last}" for last in range(1, 63)]

Ask = Callable[[NameServer, str, str], tuple[str, list[str]]]


def ask_dnspython(server: NameServer, name: str, kind: str) -> tuple[str, list[str]]:
    """Ask with dnspython's resolver: the outcome, and the values in the order received."""
    host, _, port = server.address.partition(":")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [host], int(port), 0.4
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


def ask_cares(server: NameServer, name: str, kind: str) -> tuple[str, list[str]]:
    """Ask with c-ares, without EDNS as C-core does: the outcome, and the values as received."""
    outcomes = {
        None: "NOERROR",
        pycares.errno.ARES_ENOTFOUND: "NXDOMAIN",
        pycares.errno.ARES_ENODATA: "EMPTY",
        pycares.errno.ARES_ESERVFAIL: "SERVFAIL",
        pycares.errno.ARES_ETIMEOUT: "silent",
    }
    answers: queue.SimpleQueue[tuple[Any, int | None]] = queue.SimpleQueue()
    channel = pycares.Channel(flags=0, timeout=0.4, tries=1, servers=[server.address])
    channel.query(name, TYPE_OF[kind], callback=lambda result, error: answers.put((result, error)))
    result, error = answers.get(timeout=3)
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


@pytest.fixture
def server() -> Iterator[NameServer]:
    """Start a name server that knows one name with three addresses."""
    with NameServer("127.0.0.1") as started:
        started.set(NAME, THREE)
        yield started


@pytest.fixture(params=[ask_dnspython, ask_cares], ids=["dnspython", "c-ares"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask with each of two real resolver libraries."""
    resolver: Ask = request.param
    return resolver


def test_a_records_turn_by_one_with_every_answer(server: NameServer, ask: Ask) -> None:
    """The first answer has the order set, the next start one later, the fourth is the first again."""
    orders = [ask(server, NAME, "A")[1] for _ in range(4)]

    assert orders == [THREE, THREE[1:] + THREE[:1], THREE[2:] + THREE[:2], THREE]


def test_records_in_order_do_not_turn(server: NameServer, ask: Ask) -> None:
    """Every answer has the order set, whatever turn it was before, until `heal`."""
    ask(server, NAME, "A")
    server.fail(NAME, IN_ORDER)
    orders = [ask(server, NAME, "A")[1] for _ in range(3)]
    server.heal(NAME)

    assert orders == [THREE] * 3
    assert ask(server, NAME, "A")[1] != THREE


def test_set_replaces_the_addresses_and_starts_the_order_anew(server: NameServer, ask: Ask) -> None:
    """After `set` only the new addresses are answered, in the new order."""
    ask(server, NAME, "A")
    server.set(NAME, THREE[::-1])

    assert ask(server, NAME, "A") == ("NOERROR", THREE[::-1])


def test_an_address_set_twice_is_answered_twice(server: NameServer) -> None:
    """Duplicates reach the client as they were set, although RFC 2181 section 5 would drop them."""
    server.set(NAME, [*THREE[:1], *THREE])

    assert ask_cares(server, NAME, "A") == ("NOERROR", [*THREE[:1], *THREE])


def test_records_carry_the_time_to_live_set(server: NameServer) -> None:
    """The TTL is 0 unless `set` says otherwise."""
    query = dns.message.make_query(NAME, "A")
    unset = dns.query.udp(query, endpoint(server)[0], port=endpoint(server)[1], timeout=1).answer[0].ttl
    server.set(NAME, THREE, ttl=30)

    assert unset == 0
    assert dns.query.udp(query, endpoint(server)[0], port=endpoint(server)[1], timeout=1).answer[0].ttl == 30


def test_ipv6_addresses_are_aaaa_records(server: NameServer, ask: Ask) -> None:
    """Addresses of both families set together are told apart by the kind of record asked for."""
    server.set(NAME, ["127.0.0.2", "::1"])

    assert ask(server, NAME, "AAAA") == ("NOERROR", ["::1"])
    assert ask(server, NAME, "A") == ("NOERROR", ["127.0.0.2"])


def test_what_is_no_address_is_refused(server: NameServer) -> None:
    """`set` raises for a host name and keeps the records there were."""
    with pytest.raises(ValueError, match="localhost"):
        server.set(NAME, ["localhost"])

    assert ask_dnspython(server, NAME, "A") == ("NOERROR", THREE)


def test_text_longer_than_one_string_arrives_whole(server: NameServer, ask: Ask) -> None:
    """A TXT record of 2,700 bytes is put together again from strings of 255, over TCP."""
    text = "grpc_config=" + "0123456789" * 270
    server.set_text("_grpc_config." + NAME, text)

    assert ask(server, "_grpc_config." + NAME, "TXT") == ("NOERROR", [text])


def test_text_and_addresses_of_a_name_are_kept_apart(server: NameServer) -> None:
    """Setting the text of a name leaves its addresses, and the other way round."""
    server.set_text(NAME, "text")
    server.set(NAME, THREE[:1])

    assert ask_dnspython(server, NAME, "TXT") == ("NOERROR", ["text"])
    assert ask_dnspython(server, NAME, "A") == ("NOERROR", THREE[:1])


def test_an_unknown_name_does_not_exist(server: NameServer, ask: Ask) -> None:
    """A name that was never set is NXDOMAIN."""
    assert ask(server, "nobody", "A") == ("NXDOMAIN", [])


def test_a_known_name_without_records_of_the_kind_is_empty(server: NameServer, ask: Ask) -> None:
    """A name with A records only is NOERROR and empty when asked for AAAA."""
    assert ask(server, NAME, "AAAA") == ("EMPTY", [])


def test_names_are_case_insensitive_and_may_be_absolute(server: NameServer, ask: Ask) -> None:
    """A name set in capitals with a final dot is found, and logged, in lower case."""
    server.set("Payment.Test.", ["127.0.0.9"])

    assert ask(server, "pAYMENT.tEST", "A") == ("NOERROR", ["127.0.0.9"])
    assert [query.name for query in server.queries("PAYMENT.test")] == ["payment.test"]


@pytest.mark.parametrize(
    ("fault", "outcome", "values"),
    [
        pytest.param(NXDOMAIN, "NXDOMAIN", [], id="nxdomain"),
        pytest.param(EMPTY, "EMPTY", [], id="empty"),
        pytest.param(SERVFAIL, "SERVFAIL", [], id="servfail"),
        pytest.param(SILENT, "silent", [], id="silent"),
        pytest.param(subset(2), "NOERROR", THREE[:2], id="subset"),
        pytest.param(TRUNCATED, "NOERROR", THREE, id="truncated"),
        pytest.param(slow(0.1), "NOERROR", THREE, id="slow"),
    ],
)
def test_a_fault_shows_until_healed(
    server: NameServer, ask: Ask, fault: Fault, outcome: str, values: list[str]
) -> None:
    """A real resolver takes each fault for what it is, and gets the records after `heal`."""
    server.fail(NAME, fault)
    failed = ask(server, NAME, "A")
    server.heal(NAME)

    assert failed == (outcome, values)
    assert sorted(ask(server, NAME, "A")[1]) == THREE


def test_a_fault_may_be_limited_to_a_kind(server: NameServer, ask: Ask) -> None:
    """With SERVFAIL for AAAA only, A is answered."""
    server.fail(NAME, SERVFAIL.only("AAAA"))

    assert ask(server, NAME, "AAAA") == ("SERVFAIL", [])
    assert ask(server, NAME, "A") == ("NOERROR", THREE)


def test_a_stale_name_keeps_its_records_until_healed(server: NameServer, ask: Ask) -> None:
    """New addresses set during the fault are answered only after `heal`."""
    server.fail(NAME, STALE)
    server.set(NAME, ["127.0.0.9"])
    stale = ask(server, NAME, "A")
    server.heal(NAME)

    assert stale == ("NOERROR", THREE)
    assert ask(server, NAME, "A") == ("NOERROR", ["127.0.0.9"])


def test_a_stale_unknown_name_stays_unknown(server: NameServer) -> None:
    """A name first set during the fault does not exist until `heal`."""
    server.fail("late", STALE)
    server.set("late", THREE)

    assert ask_dnspython(server, "late", "A") == ("NXDOMAIN", [])


def test_a_slow_answer_takes_the_time_set_and_holds_up_nothing_else(server: NameServer) -> None:
    """While one name waits 0.3 s, another is answered at once."""
    server.set("other", ["127.0.0.9"])
    server.fail(NAME, slow(0.3))
    with ThreadPoolExecutor() as threads:
        began = time.monotonic()
        waiting = threads.submit(ask_dnspython, server, NAME, "A")
        assert server.wait_for_query(NAME, since=began, within=1)
        other = ask_dnspython(server, "other", "A")
        answered = time.monotonic() - began
        slowly = waiting.result()

    assert other == ("NOERROR", ["127.0.0.9"])
    assert answered < 0.3
    assert slowly == ("NOERROR", THREE)
    assert time.monotonic() - began >= 0.3


def test_a_slow_answer_holds_up_nothing_else_on_its_connection(server: NameServer) -> None:
    """Of two questions on one TCP connection the second is answered while the first waits."""
    server.set("other", ["127.0.0.9"])
    server.fail(NAME, slow(0.3))
    with socket.create_connection(endpoint(server), timeout=1) as client:
        for name in (NAME, "other"):
            dns.query.send_tcp(client, dns.message.make_query(name, "A"))
        names = [str(dns.query.receive_tcp(client)[0].question[0].name) for _ in range(2)]

    assert names == ["other.", NAME + "."]


def test_more_than_512_bytes_come_over_tcp(server: NameServer, ask: Ask) -> None:
    """62 A records are cut over UDP and complete, in the order set, over TCP."""
    server.set(NAME, MANY)

    assert ask(server, NAME, "A") == ("NOERROR", MANY)
    assert [(query.protocol, len(query.answer)) for query in server.queries()] == [("udp", 0), ("tcp", 62)]


def test_a_client_with_edns_gets_as_much_as_it_can_take(server: NameServer) -> None:
    """62 A records fit a payload of 1,232 bytes; with one of 600 the answer is cut and empty."""
    server.set(NAME, MANY)
    answers = {
        payload: dns.message.from_wire(
            ask_raw(server, dns.message.make_query(NAME, "A", use_edns=0, payload=payload).to_wire())
        )
        for payload in (1232, 600)
    }

    assert len(answers[1232].answer[0]) == 62
    assert not answers[1232].flags & dns.flags.TC
    assert answers[600].answer == []
    assert answers[600].flags & dns.flags.TC


def test_the_log_tells_what_was_asked_and_answered(server: NameServer) -> None:
    """One entry per question has its time, name, kind, protocol, client, answer and code."""
    before = time.monotonic(), time.time()
    ask_dnspython(server, NAME, "A")
    ask_dnspython(server, "nobody", "AAAA")
    after = time.monotonic(), time.time()
    first, second = server.queries(since=before[0])

    assert before <= (first.monotonic, first.time) <= (second.monotonic, second.time) <= after
    assert (first.name, first.kind, first.protocol) == (NAME, "A", "udp")
    assert (first.answer, first.rcode) == (tuple(THREE), "NOERROR")
    assert first.client.startswith("127.0.0.1:")
    assert (second.kind, second.answer, second.rcode) == ("AAAA", (), "NXDOMAIN")


def test_the_log_can_be_asked_for_a_part(server: NameServer) -> None:
    """Name, kind and moment each narrow the log down."""
    server.fail("quiet", SILENT)
    ask_dnspython(server, NAME, "A")
    between = time.monotonic()
    ask_dnspython(server, NAME, "AAAA")
    ask_dnspython(server, "quiet", "A")

    assert [query.kind for query in server.queries(NAME)] == ["A", "AAAA"]
    assert [query.kind for query in server.queries(NAME, since=between)] == ["AAAA"]
    assert {query.name for query in server.queries(kind="A")} == {NAME, "quiet"}
    assert {query.rcode for query in server.queries("quiet")} == {"silent"}


def test_a_query_can_be_waited_for(server: NameServer) -> None:
    """The wait ends with the query that comes, long before its time is over."""
    since = time.monotonic()
    sender = threading.Timer(0.05, ask_dnspython, (server, NAME, "AAAA"))
    sender.start()
    query = server.wait_for_query(NAME, kind="AAAA", since=since, within=5)
    waited = time.monotonic() - since
    sender.join()

    assert query == server.queries()[0]
    assert 0.05 <= waited < 2


def test_a_wait_in_vain_ends(server: NameServer) -> None:
    """Neither an earlier query nor one of another kind ends the wait."""
    ask_dnspython(server, NAME, "A")
    since = time.monotonic()
    ask_dnspython(server, NAME, "AAAA")

    assert server.wait_for_query(NAME, since=since, within=0.05) is None


def test_many_clients_are_served_at_once(server: NameServer) -> None:
    """60 concurrent queries are all answered, and each of the three orders goes out equally often."""
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: ask_dnspython(server, NAME, "A"), range(60)))

    assert {code for code, _ in answers} == {"NOERROR"}
    assert [sum(values[0] == address for _, values in answers) for address in THREE] == [20, 20, 20]


@pytest.mark.parametrize("packet", [b"", b"\x00", b"\xff" * 600], ids=["nothing", "a byte", "an answer"])
def test_packets_that_are_no_question_are_ignored(server: NameServer, packet: bytes) -> None:
    """Nothing comes back, nothing is logged, and the next question is answered."""
    with pytest.raises(TimeoutError):
        ask_raw(server, packet, within=0.05)

    assert server.queries() == []
    assert ask_dnspython(server, NAME, "A") == ("NOERROR", THREE)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", id="question missing"),
        pytest.param(b"\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", id="no question"),
        pytest.param(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xff\xff", id="bad label"),
        pytest.param(b"\x12\x34\x7f" + b"\x7f" * 40, id="noise"),
    ],
)
def test_a_question_that_does_not_parse_is_a_format_error(server: NameServer, packet: bytes) -> None:
    """FORMERR comes back with the question's number, and the next question is answered."""
    answer = dns.message.from_wire(ask_raw(server, packet))

    assert (answer.id, answer.rcode()) == (0x1234, dns.rcode.FORMERR)
    assert ask_dnspython(server, NAME, "A") == ("NOERROR", THREE)


def test_a_connection_cut_short_does_no_harm(server: NameServer) -> None:
    """After half a length, and half a question, over TCP the next question is answered over TCP."""
    for part in (b"\x00", b"\x00\x40half"):
        with socket.create_connection(endpoint(server), timeout=1) as client:
            client.sendall(part)
    server.fail(NAME, TRUNCATED)

    assert ask_dnspython(server, NAME, "A") == ("NOERROR", THREE)


def test_stop_frees_the_port_and_leaves_no_thread() -> None:
    """With a slow answer due and a connection open, stop is quick and the same port can be bound again."""
    before = set(threading.enumerate())
    server = NameServer("127.0.0.1")
    server.start()
    server.fail(NAME, slow(30))
    query, since = dns.message.make_query(NAME, "A"), time.monotonic()
    with contextlib.ExitStack() as clients:
        idle = clients.enter_context(socket.create_connection(endpoint(server), timeout=1))
        asking = clients.enter_context(socket.create_connection(endpoint(server), timeout=1))
        dns.query.send_tcp(asking, query)
        datagrams = clients.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        datagrams.sendto(query.to_wire(), endpoint(server))
        while len(server.queries()) < 2:
            assert server.wait_for_query(NAME, since=since, within=1)
        stopping = time.monotonic()
        server.stop()
        stopped = time.monotonic()

        assert idle.recv(1) == b""
        assert stopped - stopping < 1
        assert set(threading.enumerate()) <= before
        NameServer(*endpoint(server)).stop()


def test_a_port_in_use_is_an_error(server: NameServer) -> None:
    """A second server on the same host and port raises OSError instead of sharing it."""
    with pytest.raises(OSError, match="in use"):
        NameServer(*endpoint(server))


def test_a_grpc_channel_asks_the_server_and_dials_what_it_answers(server: NameServer) -> None:
    """A round_robin channel with this authority asks for A over UDP and connects to both addresses."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.2", 0)))
        port = first.getsockname()[1]
        second = stack.enter_context(socket.create_server(("127.0.0.3", port)))
        server.set(NAME, ["127.0.0.2", "127.0.0.3"])
        options = [("grpc.service_config", '{"loadBalancingConfig":[{"round_robin":{}}]}')]
        since = time.monotonic()
        channel = stack.enter_context(grpc.insecure_channel(f"dns://{server.address}/{NAME}:{port}", options=options))
        # A call, as a connectivity watcher's thread may outlive the channel and raise.
        place: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/order.Orders/Place")
        call = place.future(b"", timeout=3)
        query = server.wait_for_query(NAME, since=since, within=3)
        for listener in (first, second):
            listener.settimeout(3)
            listener.accept()[0].close()
        call.cancel()

    assert query is not None
    assert (query.protocol, query.answer) == ("udp", ("127.0.0.2", "127.0.0.3"))


def test_a_question_that_was_there_before_a_fence_arrived_before_it(server: NameServer) -> None:
    """However late it is answered: it is not taken for one of a gateway that was started since."""
    server.set(NAME, THREE)
    asked = dns.message.make_query(NAME, "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        with server._changed:
            asker.sendto(asked, endpoint(server))
            server.fence()
            fenced = time.monotonic()
        asker.settimeout(1.0)
        asker.recv(512)

    assert server.queries(NAME, since=fenced) == []
    assert len(server.queries(NAME)) == 1
