"""The embedded name server, queried by dnspython and by c-ares (C-core's resolver): its records, and its log."""

import socket
import threading
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import pytest

from tests.loopback.name_server import IN_ORDER, SILENT, NameServer
from tests.unit.helpers.dns_clients import NAME, THREE, Ask, ask_cares, ask_dnspython, endpoint


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


def test_an_alias_leads_to_the_records_of_its_name(server: NameServer, ask: Ask) -> None:
    """The chain is in the answer, the records have the last name; other types have the chain alone; until it ends."""
    server.alias(NAME, "one", "two")
    query = dns.message.make_query(NAME, "A")
    answer = dns.query.udp(query, endpoint(server)[0], port=endpoint(server)[1], timeout=1).answer
    found = [(str(records.name), dns.rdatatype.to_text(records.rdtype)) for records in answer]

    assert found == [(f"{NAME}.", "CNAME"), ("one.", "CNAME"), ("two.", "A")]
    assert sorted(ask_dnspython(server, NAME, "A")[1]) == THREE
    assert ask_dnspython(server, NAME, "AAAA") == ("EMPTY", [])
    server.alias(NAME)
    assert ask(server, NAME, "A")[0] == "NOERROR"
    assert len(dns.query.udp(query, endpoint(server)[0], port=endpoint(server)[1], timeout=1).answer) == 1


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
    ask_dnspython(server, "quiet", "A", within=0.4)

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
