"""The embedded name server on the wire: sizes, concurrency, malformed packets, ports, and a gRPC channel."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import grpc
import pytest

from tests.harness.world.verdict import InconclusiveError
from tests.loopback import dns_sockets, name_server
from tests.loopback.name_server import SILENT, TRUNCATED, NameServer, slow
from tests.unit.helpers.dns_clients import NAME, THREE, Ask, ask_dnspython, ask_raw, endpoint

MANY = [f"127.1.3.{last}" for last in range(1, 63)]


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


def _ask_over_tcp(server: NameServer, question: bytes) -> float:
    """Open a connection for one question, and return how long the answer took."""
    began = time.monotonic()
    with socket.create_connection(endpoint(server), timeout=10) as client:
        client.sendall(len(question).to_bytes(2, "big") + question)
        assert client.recv(2)
    return time.monotonic() - began


def test_many_connections_at_once_are_all_accepted(server: NameServer) -> None:
    """None of 64 waits for the second after which a client repeats what was dropped; alone they take 0.1 s."""
    question = dns.message.make_query(NAME, "A").to_wire()
    gate = threading.Barrier(64)

    def _ask(_: int) -> float:
        gate.wait(10)
        return _ask_over_tcp(server, question)

    with ThreadPoolExecutor(64) as threads:
        took = list(threads.map(_ask, range(64)))

    assert max(took) < 0.9


def test_a_flood_takes_few_threads_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries and connections beyond the limit are dropped; once it is over, the next one is answered."""
    monkeypatch.setattr(dns_sockets, "MOST_THREADS", 8)
    before = threading.active_count()
    question = dns.message.make_query(NAME, "A").to_wire()
    with NameServer("127.0.0.1") as flooded, contextlib.ExitStack() as stack:
        flooded.set(NAME, THREE)
        flooded.fail(NAME, slow(0.5))
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        for _ in range(200):
            udp.sendto(question, endpoint(flooded))
            stack.enter_context(socket.create_connection(endpoint(flooded), timeout=5))
        assert threading.active_count() - before <= 2 * 8 + 1
        flooded.fence()
        stack.close()
        flooded.heal(NAME)

        assert ask_dnspython(flooded, NAME, "A")[0] == "NOERROR"
    assert threading.active_count() == before


def test_a_flood_that_does_not_end_is_said_to_be_one(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fence that nobody answers is inconclusive, in bounded time."""
    monkeypatch.setattr(name_server, "FENCED", 0.3)
    monkeypatch.setattr(server._servers[0], "process_request", lambda *_: None)

    with pytest.raises(InconclusiveError, match="flooded with queries"):
        server.fence()


def test_too_many_queries_to_log_are_not_judged(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a judge reads is everything or an error; what was logged remains evidence, until it is forgotten."""
    monkeypatch.setattr(name_server, "MOST_LOGGED", 3)
    server.fail(NAME, SILENT)
    question = dns.message.make_query(NAME, "A").to_wire()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        for _ in range(5):
            client.sendto(question, endpoint(server))
            server.fence()
    with pytest.raises(InconclusiveError, match="3 DNS queries or more"):
        server.queries()
    with pytest.raises(InconclusiveError, match="3 DNS queries or more"):
        server.wait_for_query(NAME, since=0.0, within=0.1)

    assert len(server.evidence(0.0)) == 3
    server.forget(time.monotonic())
    assert server.queries() == []
