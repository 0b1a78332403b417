"""The faults of the embedded name server, as real resolvers see them."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from tests.loopback.name_server import (
    EMPTY,
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
from tests.unit.helpers.dns_clients import NAME, PATIENCE, THREE, Ask, ask_dnspython, endpoint


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
    failed = ask(server, NAME, "A", within=0.4 if fault is SILENT else PATIENCE)
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
