"""The rules for what a gateway makes of DNS answers: what fires them, and what comes near and must not."""

import pytest

from tests.behaviours.dns import causes as names
from tests.unit.helpers.answers import answered, cut
from tests.unit.helpers.story import ADDRESSES, NAMES, Story, in_turn, suspects


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
