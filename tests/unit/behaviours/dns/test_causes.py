"""The rules for what a gateway makes of DNS: what fires them, and what comes near and must not."""

import pytest

from tests.behaviours.dns import causes as names
from tests.unit.helpers.story import ADDRESSES, NAMES, Story, in_turn, suspects

CLOSE = "CLOSE@a"


def answered(story: Story, at: float, *answer: str, rcode: str = "NOERROR", protocol: str = "udp") -> Story:
    """Let the gateway query, and return this answer."""
    known = {"name": "order-service", "kind": "A", "rcode": rcode, "protocol": protocol}
    return story.event(at, "dns query", answer=list(answer), **known)


def cut(story: Story, at: float) -> Story:
    """Let a close the connection of a call, which b then answers."""
    return story.call(at, "a:HANG", "b", plan=CLOSE)


# Questions


def test_a_gateway_that_serves_and_never_queried_has_an_address_list() -> None:
    """Calls that are served without a single query."""
    finding = names.never_resolved(Story().calls(1.1, *in_turn(9)).case())

    assert suspects(finding) == ("address_list",)
    assert finding is not None
    assert finding.seen == "the gateway served 9 calls and has not queried DNS once since it started"


def test_a_gateway_that_queried_or_serves_nobody_or_is_not_seen_has_no_address_list() -> None:
    """One query, no call that was served, or a DNS server that is not ours."""
    assert names.never_resolved(Story().asked(0.4).calls(1.1, *in_turn(9)).case()) is None
    assert names.never_resolved(Story().call(1.1, code="UNAVAILABLE").case()) is None
    assert names.never_resolved(Story(names_ours=False).calls(1.1, *in_turn(9)).case()) is None


def querying(*times: float) -> Story:
    """Return a gateway that loses connections, and queries then."""
    story = cut(Story().asked(0.4), 1.1)
    for at in times:
        story.asked(at)
    return story


def test_queries_much_closer_than_the_minimum_interval_have_none() -> None:
    """Two gaps of less than half the promise."""
    finding = names.resolved_too_often(querying(1.2, 1.3, 1.4).case())

    assert suspects(finding) == ("short_resolution_interval",)
    assert finding is not None
    assert finding.seen == (
        "the gateway queried DNS 3 times in 0.20 s, 2 times sooner than half of the promised 0.5 s after the previous "
        "query"
    )


@pytest.mark.parametrize("times", [(1.2, 1.7, 2.2), (1.2, 1.3), (1.2, 1.3, 1.9), (1.2, 1.46, 1.72)])
def test_queries_that_roughly_keep_the_minimum_interval_are_not_accused(times: tuple[float, ...]) -> None:
    """The interval itself, one gap that is short by chance, and gaps of half the interval and more."""
    assert names.resolved_too_often(querying(*times).case()) is None


def test_failed_queries_are_repeated_without_a_minimum_interval() -> None:
    """A resolver queries several times when DNS fails: those do not count as resolutions."""
    story = cut(Story().asked(0.4), 1.1)
    for at in (1.2, 1.21, 1.22, 1.23):
        answered(story, at, rcode="SERVFAIL")

    assert names.resolved_too_often(story.case()) is None


def test_a_gateway_that_queries_twice_with_nothing_lost_polls() -> None:
    """Two queries and a healthy world."""
    finding = names.resolved_unprompted(Story().asked(0.4).asked(1.4).calls(1.1, *in_turn(60)).case())

    assert suspects(finding) == ("polling",)


@pytest.mark.parametrize(
    "story",
    [
        Story().asked(0.4),
        Story().asked(0.4).asked(2.0).verb(1.9, "kill", "a"),
        cut(Story().asked(0.4).asked(2.0), 1.9),
        Story(replica_variables={"MAX_CONNECTION_AGE_MS": "300"}).asked(0.4).asked(2.0),
    ],
    ids=["one question", "a replica was killed", "a connection was cut", "connections end by age"],
)
def test_a_query_with_a_reason_is_not_polling(story: Story) -> None:
    """The first query, and those after a loss."""
    assert names.resolved_unprompted(story.calls(1.1, *in_turn(60)).case()) is None


# Failures


def failing(
    fault: str = "NXDOMAIN", *, lost: int = 12, ours: bool = True, answer: tuple[str, ...] = (), rcode: str = "NXDOMAIN"
) -> Story:
    """Return a gateway that spread calls, was answered with a failure at 2.0, and then loses calls."""
    story = (
        Story(names_ours=ours).asked(0.4).calls(1.1, *in_turn(9)).verb(1.5, "fail names", "name server", fault=fault)
    )
    answered(cut(story, 1.9), 2.0, *answer, rcode=rcode)
    for number in range(12):
        story.call(2.1 + number / 50, *(() if number < lost else ("b",)), code="UNAVAILABLE" if number < lost else "OK")
    return story


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL"])
def test_calls_that_reach_nobody_since_a_query_failed_show_dropped_addresses(rcode: str) -> None:
    """Nothing else was broken, and no call reaches a replica."""
    finding = names.addresses_dropped(failing(rcode, rcode=rcode).case())

    assert suspects(finding) == ("addresses_dropped_on_dns_failure",)
    assert finding is not None
    assert finding.seen == (
        f"DNS returned {rcode}, and 12 of 12 calls after that reached none of the 3 replicas, which were healthy"
    )


def test_an_answer_without_addresses_is_a_failure_too() -> None:
    """NOERROR and nothing in it."""
    finding = names.addresses_dropped(failing("EMPTY", rcode="NOERROR").case())

    assert finding is not None
    assert finding.seen.startswith("DNS returned 0 addresses, and 12 of 12 calls")


@pytest.mark.parametrize(
    "story",
    [
        failing(lost=0),
        failing(lost=3),
        failing(answer=ADDRESSES, rcode="NOERROR"),
        failing().verb(2.5, "kill", "b"),
        failing("TRUNCATED", rcode="NOERROR"),
    ],
    ids=["no call lost", "a few lost", "it was answered", "a replica was killed", "another fault"],
)
def test_calls_that_were_served_or_lost_differently_show_no_dropped_address(story: Story) -> None:
    """Near misses."""
    assert names.addresses_dropped(story.case()) is None


def beginning(*, again: float | None = None, until: float = 4.0, took: float = 0.02) -> Story:
    """Return a gateway that starts before its name, which exists from 1.5; it queries at 1.1, and perhaps again."""
    story = Story(fresh=False).verb(0.5, "fail names", "name server", fault="NXDOMAIN")
    story.verb(0.9, "fresh gateway", "gateway", took=0.1)
    answered(story, 1.1, rcode="NXDOMAIN").call(1.1, code="UNAVAILABLE" if took < 1 else "DEADLINE_EXCEEDED", took=took)
    story.verb(1.5, "heal names", "name server")
    if again:
        story.asked(again)
    for number in range(int((until - 1.6) * 10)):
        story.call(1.6 + number / 10, code="UNAVAILABLE")
    return story


def test_a_gateway_that_never_queries_again_after_a_failure_keeps_it() -> None:
    """One query, which failed, and calls that fail long after the name exists."""
    finding = names.failure_treated_as_permanent(beginning().case())

    assert suspects(finding) == ("dns_failure_treated_as_permanent",)
    assert finding is not None
    assert finding.seen == (
        "the gateway had queried DNS once, got NXDOMAIN, and did not query again in the 2.4 s after DNS had addresses"
    )


def test_a_gateway_that_queried_again_or_had_no_time_to_keeps_no_failure() -> None:
    """A query after the name is back, or the end too soon after it."""
    assert names.failure_treated_as_permanent(beginning(again=2.0).case()) is None
    assert names.failure_treated_as_permanent(beginning(until=2.2).case()) is None


def test_calls_that_wait_for_a_name_that_does_not_exist_are_sent_wait_for_ready() -> None:
    """The answer came immediately, and the call ended at its deadline."""
    finding = names.waited_for_dns(beginning(took=1.5).case())

    assert suspects(finding) == ("wait_for_ready",)
    assert finding is not None
    assert finding.seen == ("DNS returned NXDOMAIN, and 1 call waited for 1.50 s; the deadline is 1.5 s")


def test_calls_that_fail_fast_or_wait_for_an_answer_are_not_sent_wait_for_ready() -> None:
    """A call that failed fast, and one that waited where nothing was answered."""
    silent = (
        Story().verb(1.2, "fail names", "name server", fault="SILENT").call(1.3, code="DEADLINE_EXCEEDED", took=1.5)
    )

    assert names.waited_for_dns(beginning().case()) is None
    assert names.waited_for_dns(silent.case()) is None


def scaled_to_nothing(*, again: float | None = None) -> Story:
    """Return a gateway that served, received no address at 2.0, and makes calls after replicas came back at 3.0."""
    story = Story().asked(0.4).calls(1.1, *in_turn(9)).verb(1.5, "scale", "world", count=0)
    answered(story, 2.0).verb(2.9, "scale", "world", took=0.1, count=3)
    if again:
        story.asked(again)
    for number in range(50):
        story.call(3.1 + number / 10, code="UNAVAILABLE")
    return story


def test_a_gateway_that_received_no_address_and_stops_querying_keeps_that() -> None:
    """It had served before, so it knows how to query."""
    finding = names.failure_treated_as_permanent(scaled_to_nothing().case())

    assert suspects(finding) == ("dns_failure_treated_as_permanent",)
    assert finding is not None
    assert finding.seen.startswith("the gateway had queried DNS 2 times, got 0 addresses, and did not query again")
    assert names.failure_treated_as_permanent(scaled_to_nothing(again=3.5).case()) is None


# Answers


def unlisted(*, used_until: float = 4.0, told: tuple[str, ...] = ADDRESSES[:2]) -> Story:
    """Return a replica c that is unlisted at 1.5, a query at 2.0, and calls to it until some time."""
    story = Story().asked(0.4).calls(1.1, *in_turn(30)).verb(1.5, "unlist", "c")
    story.event(1.5, "published", addresses=list(ADDRESSES[:2]))
    story = cut(story, 1.9)
    if told:
        story.asked(2.0, *told)
    for number in range(100):
        at = 2.05 + number / 50
        story.call(at, NAMES[number % 3] if at < used_until else NAMES[number % 2])
    return story


def test_calls_to_a_replica_that_dns_no_longer_lists_keep_its_address() -> None:
    """Attempts long after the query that was answered without it."""
    finding = names.addresses_never_removed(unlisted().case())

    assert suspects(finding) == ("addresses_never_removed",)
    assert finding is not None
    assert finding.seen.startswith("DNS had returned 2 addresses, without c, and ")


def test_a_list_of_strangers_that_is_not_obeyed_is_the_same() -> None:
    """All replicas were removed from the list."""
    story = Story().asked(0.4).verb(1.5, "list a dead address only", "name server").calls(1.1, *in_turn(30))
    story = cut(story, 1.9).asked(2.0, "127.0.0.9").calls(2.1, *in_turn(60), every=0.02)
    finding = names.addresses_never_removed(story.case())

    assert suspects(finding) == ("addresses_never_removed",)


@pytest.mark.parametrize(
    "story",
    [
        unlisted(used_until=2.2),
        unlisted(told=()),
        unlisted().event(2.1, "published", addresses=list(ADDRESSES)),
    ],
    ids=["calls on their way", "not told", "listed again"],
)
def test_calls_before_the_gateway_could_know_keep_no_address(story: Story) -> None:
    """Near misses."""
    assert names.addresses_never_removed(story.case()) is None


def recreated(*, kept: tuple[str, ...] = (), asked: bool = True, also_used: bool = False) -> Story:
    """Return calls over new connections to b and c, except those in `kept`, from the query at 2.0 on."""
    story = cut(Story().asked(0.4).calls(1.1, *in_turn(9)), 1.9)
    if asked:
        story.asked(2.0, *reversed(ADDRESSES))
    over = [each if each in kept else f"{each}:OK:q{each}" for each in NAMES]
    story.calls(2.3, *over, *over)
    return story.calls(2.5, *NAMES) if also_used else story


def test_new_connections_to_replicas_that_nobody_cut_are_a_new_channel() -> None:
    """Both others were reconnected with the answer."""
    finding = names.channel_recreated(recreated().case())

    assert suspects(finding) == ("channel_recreated",)
    assert finding is not None
    assert finding.seen == (
        "the connections to b, c, which no one had cut, were replaced after DNS had returned 3 addresses"
    )


def test_a_connection_that_was_opened_and_not_used_yet_tells_as_well() -> None:
    """All later calls happen to go to the one that was cut; the ledger of b records another connection."""
    story = cut(Story().asked(0.4).connected(0.4, "b", "pb", closed=2.1).calls(1.1, *in_turn(9)), 1.9).asked(2.0)
    story.connected(2.1, "b", "qb").calls(2.2, "a:OK:qa", "a:OK:qa")

    assert suspects(names.channel_recreated(story.case())) == ("channel_recreated",)


@pytest.mark.parametrize(
    "story",
    [recreated(kept=("b", "c")), recreated(kept=("b",)), recreated(asked=False), recreated(also_used=True)],
    ids=["only the one that was cut", "one of two", "no question", "the old ones are used too"],
)
def test_connections_that_stay_are_not_a_new_channel(story: Story) -> None:
    """Near misses: it is a new channel only if every connection that no one cut changed permanently."""
    assert names.channel_recreated(story.case()) is None


def truncated(*protocols: str, code: str = "UNAVAILABLE", fault: str = "TRUNCATED") -> Story:
    """Return a gateway that starts while answers are truncated, queries over these protocols and makes four calls."""
    story = Story(fresh=False).verb(0.5, "fail names", "name server", fault=fault)
    story.verb(0.9, "fresh gateway", "gateway", took=0.1)
    for protocol in protocols:
        answered(story, 1.1, *(ADDRESSES if protocol == "tcp" else ()), protocol=protocol)
    for number in range(4):
        story.call(1.1 + number / 10, *("a" if code == "OK" else ()), code=code)
    return story


def test_an_answer_that_was_truncated_and_not_retried_over_tcp_has_no_tcp() -> None:
    """One query over UDP, and no call that was served."""
    finding = names.no_tcp(truncated("udp").case())

    assert suspects(finding) == ("no_tcp",)
    assert finding is not None
    assert finding.seen == "1 answer over UDP was truncated, none was retried over TCP, and 4 of 4 calls failed"


@pytest.mark.parametrize(
    "story",
    [truncated("udp", "tcp"), truncated(), truncated("udp", code="OK"), truncated("udp", fault="NXDOMAIN")],
    ids=["asked over TCP", "not asked", "served", "another fault"],
)
def test_a_gateway_with_tcp_or_without_a_cut_answer_is_not_accused(story: Story) -> None:
    """Near misses."""
    assert names.no_tcp(story.case()) is None


# Kinds of records


def mixed(aaaa: str = "SERVFAIL", *, found: bool = True, served: bool = False) -> Story:
    """Return a gateway whose query for IPv6 addresses gets this answer, and its four calls."""
    story = answered(Story(), 0.4, *(ADDRESSES if found else ()))
    story.event(0.4, "dns query", name="order-service", kind="AAAA", answer=[], rcode=aaaa, protocol="udp")
    for number in range(4):
        story.call(1.1 + number / 10, *("a" if served else ()), code="OK" if served else "UNAVAILABLE")
    return story


def test_calls_that_reach_nobody_though_ipv4_was_answered_need_ipv6() -> None:
    """Three addresses were found, the other query failed."""
    finding = names.ipv6_needed(mixed().case())

    assert suspects(finding) == ("ipv6_needed",)
    assert finding is not None
    assert finding.seen == (
        "DNS returned 3 IPv4 addresses, and SERVFAIL for IPv6; 4 of 4 calls failed, none of them reached a replica"
    )


@pytest.mark.parametrize(
    "story",
    [mixed("NOERROR"), mixed(found=False), mixed(served=True), mixed().verb(1.05, "kill", "a")],
    ids=["both answered", "no address", "served", "a replica was killed"],
)
def test_calls_that_are_served_or_lost_differently_do_not_need_ipv6(story: Story) -> None:
    """Near misses."""
    assert names.ipv6_needed(story.case()) is None


def configured(*, asked: bool = True, published: bool = True, used: tuple[str, ...] = ("a",)) -> Story:
    """Return a gateway that starts with a service config in DNS, perhaps queries it, and makes calls."""
    story = Story(fresh=False)
    if published:
        story.verb(0.5, "publish a text record", "name server", text="{}")
    story.verb(0.9, "fresh gateway", "gateway", took=0.1).asked(1.05)
    if asked:
        story.event(1.05, "dns query", name="_grpc_config.order-service", kind="TXT", answer=["{}"], rcode="NOERROR")
    return story.calls(1.1, *used * 6)


def test_a_config_that_was_queried_and_calls_that_are_not_spread_name_the_record() -> None:
    """TXT was answered, and one replica gets all."""
    finding = names.txt_record_applied(configured().case())

    assert suspects(finding) == ("txt_record_overrides_config",)
    assert finding is not None
    assert finding.seen == "the gateway queried TXT records and received {}; 6 attempts went to a"


@pytest.mark.parametrize(
    "story",
    [configured(asked=False), configured(published=False), configured(used=NAMES)],
    ids=["not asked for", "not ours", "calls go round"],
)
def test_a_config_that_was_not_queried_or_changes_nothing_is_not_named(story: Story) -> None:
    """Near misses."""
    assert names.txt_record_applied(story.case()) is None


def silent(took: float = 2.7, rcode: str = "silent") -> Story:
    """Return a gateway whose query is not answered, and a call that waits so long."""
    return answered(Story(), 0.4, rcode=rcode).call(1.1, code=None if took > 2 else "DEADLINE_EXCEEDED", took=took)


def test_calls_that_wait_for_unresponsive_dns_past_their_deadline_have_none() -> None:
    """The deadline is 1.5 s."""
    finding = names.waited_without_deadline(silent().case())

    assert suspects(finding) == ("no_deadline",)
    assert finding is not None
    assert finding.seen == ("DNS did not answer, and 1 call waited for it for 2.7 s or longer; the deadline is 1.5 s")


def test_calls_that_end_at_their_deadline_or_had_an_answer_are_not_accused() -> None:
    """Near misses."""
    assert names.waited_without_deadline(silent(took=1.55).case()) is None
    assert names.waited_without_deadline(silent(rcode="NXDOMAIN").case()) is None
