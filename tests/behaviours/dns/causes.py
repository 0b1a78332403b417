"""What a gateway made of DNS answers and failures, where the DNS server is ours."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise, takewhile

from tests.behaviours.dns.causes_discovery import LOSSES
from tests.behaviours.dns.shared import asks_again_within
from tests.behaviours.retry.causes import past_deadline
from tests.behaviours.retry.causes_missing import waits_or_backs_off
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many, times
from tests.harness.evidence.history import AskedVerb, Call, SeenAttempt, SeenQuery

FEW = 4
"""Fewer calls than this may all have failed by chance."""

FAILURES = ("NXDOMAIN", "EMPTY", "SERVFAIL")
"""The faults of a DNS server that answers, but returns no address."""

TAKEN = ("unlist", "list a dead address only")
"""What leaves replicas alive and removes their addresses from DNS."""


def never_resolved(case: Case) -> Finding | None:
    """The gateway served calls, and never queried an address."""
    served = [call for call in case.all_calls if call.ok]
    if case.answers is None or case.answers or not served:
        return None
    seen = f"the gateway served {many(len(served), 'call')} and has not queried DNS once since it started"
    return certain("address_list", seen, "a name would have been resolved, at the first call at the latest")


def resolved_too_often(case: Case) -> Finding | None:
    """Answered queries followed each other sooner than promised, again and again."""
    interval = case.promises.min_resolution_interval
    queried = [query.at for query in case.answers or () if query.answer and query.at > case.began]
    gaps = [later - earlier for earlier, later in pairwise(queried)]
    short = [gap for gap in gaps if gap < interval / 2]
    if len(short) < 2:
        return None
    seen = (
        f"the gateway queried DNS {len(queried)} times in {queried[-1] - queried[0]:.2f} s, "
        f"{times(len(short))} sooner than half of the promised {interval:g} s after the previous query"
    )
    because = "a gateway that opens a new channel whenever it loses a connection would look the same"
    return likely("short_resolution_interval", seen, because)


def resolved_unprompted(case: Case) -> Finding | None:
    """The gateway queried DNS more than once, although it had lost nothing."""
    if not case.answers or len(case.answers) < 2 or case.faults_of(*LOSSES) or any(map(_cuts, case.attempts)):
        return None
    if "MAX_CONNECTION_AGE_MS" in case.world:
        return None
    seen = (
        f"the gateway queried DNS {len(case.answers)} times within {case.ended - case.answers[0].at:.1f} s, "
        "although no replica was stopped, and no connection was cut or aged"
    )
    return likely("polling", seen, "a gateway that closes its connections by itself would look the same")


def addresses_dropped(case: Case) -> Finding | None:
    """Calls have reached no one since DNS failed, although every replica is healthy."""
    failing = [fault for fault in case.faults_of("fail names") if fault.members["fault"] in FAILURES]
    if not failing or case.faults_of(*LOSSES):
        return None
    query = _first_query(case, failing[0])
    if query is None or query.answer or not any(call.ok for call in case.all_calls if call.sent < query.at):
        return None
    after = [call for call in case.calls if call.sent > query.at]
    lost = [call for call in after if not call.ok and not call.attempts]
    if len(lost) < FEW:
        return None
    seen = (
        f"DNS returned {_words(query)}, and {len(lost)} of {many(len(after), 'call')} after that reached "
        f"none of the {len(case.replicas)} replicas, which were healthy"
    )
    return certain("addresses_dropped_on_dns_failure", seen, "nothing but DNS had failed")


def failure_treated_as_permanent(case: Case) -> Finding | None:
    """DNS returned no address, and the gateway has not queried it again since it has addresses."""
    failed = list(takewhile(lambda query: not query.answer, reversed(case.answers or [])))
    if not failed:
        return None
    healed = [verb.confirmed for verb in case.faults_of("heal names", "scale") if verb.confirmed is not None]
    since = min((at for at in healed if at > failed[0].at), default=case.ended)
    waited = case.ended - since
    if waited < asks_again_within(since - failed[-1].at, case.promises) or any(
        call.ok for call in case.calls if call.sent > since
    ):
        return None
    seen = (
        f"the gateway had queried DNS {times(len(case.answers or []))}, got {_words(failed[0])}, and did not "
        f"query again in the {waited:.1f} s after DNS had addresses"
    )
    because = "a gateway that waits very long before it queries again would look the same"
    return likely("dns_failure_treated_as_permanent", seen, because)


def waited_for_dns(case: Case) -> Finding | None:
    """While DNS returned no address, calls waited for their deadline instead of failing."""
    empty = [query for query in case.answers or () if not query.answer]
    timeout = case.deadline
    waited = [call for call in case.calls if _waited(call, timeout) and empty and call.received > empty[0].at]
    if not waited or not any(verb.verb == "fail names" for verb in case.history.verbs):
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"DNS returned {_words(empty[0])}, and {many(len(waited), 'call')} waited for {longest:.2f} s; "
        f"the deadline is {timeout:g} s"
    )
    return waits_or_backs_off(case, seen, "the answer came immediately, so no resolution was waited for")


def resolves_in_calls(case: Case) -> Finding | None:
    """DNS does not answer, and calls waited although replicas were connected."""
    failing = [fault for fault in case.faults_of("fail names") if fault.members["fault"] in {"SILENT", "SLOW"}]
    if not failing or (case.fresh and case.born > failing[0].asked):
        return None
    allowed = case.promises.longest_backoffs + 0.5
    since = failing[0].confirmed or 0.0
    waited = [call for call in case.calls if call.sent > since and call.received - call.sent > allowed]
    if not waited or not any(call.ok for call in case.calls if call.received < waited[0].sent):
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"DNS did not answer, and {many(len(waited), 'call')} waited for up to {longest:.2f} s, "
        "although replicas were connected"
    )
    return likely("resolves_in_calls", seen, "a gateway that is stuck elsewhere since then would look the same")


def late_queries(case: Case) -> Finding | None:
    """A connection was cut long after the last query, and the next one came late."""
    cut = next((attempt.at for attempt in case.attempts if _cuts(attempt)), None)
    later = [query.at for query in case.answers or () if cut is not None and query.at > cut]
    earlier = [query.at for query in case.answers or () if cut is not None and query.at <= cut]
    if cut is None or not later or not earlier or later[0] - cut < 2 * LATE:
        return None
    seen = (
        f"the last DNS query was {cut - earlier[-1]:.1f} s old when a connection was lost, and the next one came "
        f"{later[0] - cut:.1f} s after that"
    )
    return likely("late_re_resolution", seen, "a gateway that noticed the loss that late would look the same")


def addresses_never_removed(case: Case) -> Finding | None:
    """The gateway received a list without a replica, and kept sending calls there."""
    for fault in case.faults_of(*TAKEN):
        query = _first_query(case, fault)
        if query is None:
            continue
        removed = {fault.on} & set(case.replicas) or set(case.replicas)
        restored = [event.at for event in case.history.of_kind("published") if event.at > query.at]
        until = min(restored, default=case.ended)
        late = [
            attempt for attempt in case.attempts if attempt.replica in removed and query.at + LATE < attempt.at < until
        ]
        if late:
            seen = (
                f"DNS had returned {_words(query)}, without {', '.join(sorted(removed))}, and "
                f"{many(len(late), 'attempt')} went there up to {late[-1].at - query.at:.1f} s later"
            )
            because = "a gateway that discards its DNS answers would look the same"
            return likely("addresses_never_removed", seen, because)
    return None


def channel_recreated(case: Case) -> Finding | None:
    """After a DNS answer the connections were new ones, even those that no one had cut."""
    cut = {attempt.replica for attempt in case.attempts if _cuts(attempt)}
    cut |= {fault.on for fault in case.faults_of(*LOSSES)}
    used = [(attempt.at, attempt.replica, attempt.peer) for attempt in case.attempts if attempt.replica not in cut]
    uncut = [connection for connection in case.connections if connection.replica not in cut]
    known = [*used, *((connection.opened, connection.replica, connection.peer) for connection in uncut)]
    uses = _Uses(known, used)
    for query in (case.answers or [])[1:]:
        replaced = uses.replaced(query.at)
        if replaced and uses.last_of_old(query.at) <= query.at + LATE:
            seen = (
                f"the connections to {', '.join(sorted(replaced))}, which no one had cut, were replaced after DNS "
                f"had returned {_words(query)}"
            )
            because = "a gateway that recreates its channel for another reason at that moment would look the same"
            return likely("channel_recreated", seen, because)
    return None


class _Uses:
    """When connections were first known and last used; built once, as there may be as many queries as connections."""

    def __init__(self, known: Sequence[tuple[float, str, str]], used: Sequence[tuple[float, str, str]]) -> None:
        """Take times with the replica and the peer of a connection: all of them, and those of attempts."""
        first, last = _firsts((at, peer) for at, _, peer in known), {peer: at for at, _, peer in sorted(used)}
        self._replicas = _firsts((at, replica) for at, replica, _ in known)
        self._newest: dict[str, float] = {}
        for _, replica, peer in known:
            self._newest[replica] = max(self._newest.get(replica, first[peer]), first[peer])
        ordered = sorted((at, last.get(peer, -float("inf"))) for peer, at in first.items())
        self._known = [at for at, _ in ordered]
        self._last = list(accumulate((at for _, at in ordered), max))

    def replaced(self, moment: float) -> set[str]:
        """Return the replicas that were known at this moment and have had new connections since."""
        return {replica for replica, at in self._replicas.items() if at <= moment and self._newest[replica] > moment}

    def last_of_old(self, moment: float) -> float:
        """Return when the last attempt came over a connection that was known at this moment."""
        count = bisect_right(self._known, moment)
        return self._last[count - 1] if count else -float("inf")


def _firsts(pairs: Iterable[tuple[float, str]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for at, name in pairs:
        found[name] = min(found.get(name, at), at)
    return found


def no_tcp(case: Case) -> Finding | None:
    """Truncated answers were not retried over TCP, and no call was served."""
    truncated = [
        verb for verb in case.history.verbs if verb.verb == "fail names" and verb.members["fault"] == "TRUNCATED"
    ]
    queries = [event.members for event in case.history.of_kind("dns query") if event.at >= case.born]
    over = [query["protocol"] for query in queries if query["kind"] == "A"]
    if not truncated or not over or "tcp" in over or not case.calls or any(call.ok for call in case.calls):
        return None
    seen = (
        f"{many(len(over), 'answer')} over UDP {'was' if len(over) == 1 else 'were'} truncated, none was retried over "
        f"TCP, and {len(case.failed)} of {many(len(case.calls), 'call')} failed"
    )
    return certain("no_tcp", seen, "the DNS server answers over TCP as well, and nothing else was wrong")


def ipv6_needed(case: Case) -> Finding | None:
    """No call reached anybody, although the query for IPv4 addresses was answered: the one for IPv6 had failed."""
    queries = [event.members for event in case.history.of_kind("dns query") if event.at >= case.born]
    failed = [query["rcode"] for query in queries if query["kind"] == "AAAA" and query["rcode"] != "NOERROR"]
    found = max((len(query["answer"]) for query in queries if query["kind"] == "A"), default=0)
    if not failed or not found or case.attempts or len(case.failed) < FEW or case.faults_of(*LOSSES):
        return None
    seen = (
        f"DNS returned {many(found, 'IPv4 address', 'IPv4 addresses')}, and {failed[0]} for IPv6; "
        f"{len(case.failed)} of {many(len(case.calls), 'call')} failed, none of them reached a replica"
    )
    return certain("ipv6_needed", seen, "nothing but the query for IPv6 addresses had failed")


def txt_record_applied(case: Case) -> Finding | None:
    """The gateway queried a service config that DNS offered, and calls have not been spread since."""
    published = [verb for verb in case.history.verbs if verb.verb == "publish a text record"]
    queries = [event.members for event in case.history.of_kind("dns query") if event.at >= case.born]
    received = [query for query in queries if query["kind"] == "TXT" and query["answer"]]
    used = {attempt.replica for attempt in case.attempts}
    if not published or not received or len(case.attempts) < FEW or len(used) == len(case.replicas):
        return None
    seen = (
        f"the gateway queried TXT records and received {published[-1].members['text']}; "
        f"{many(len(case.attempts), 'attempt')} went to {', '.join(sorted(used))}"
    )
    because = "that config requires it, and the gateway's own service config does not"
    return certain("txt_record_overrides_config", seen, because)


def waited_without_deadline(case: Case) -> Finding | None:
    """DNS did not answer, and calls waited for it past their promised deadline."""
    timeout = case.deadline
    waited = [call for call in case.calls if not call.attempts and call.received - call.sent > 1.5 * timeout]
    if not case.answers or any(query.rcode != "silent" for query in case.answers) or not waited:
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"DNS did not answer, and {many(len(waited), 'call')} waited for it for {longest:.1f} s or longer; "
        f"the deadline is {timeout:g} s"
    )
    return past_deadline(case, seen, "resolves_in_calls")


def _first_query(case: Case, fault: AskedVerb) -> SeenQuery | None:
    """Return the first query after a DNS fault."""
    queries = [query for query in case.answers or () if query.at > (fault.confirmed or fault.asked)]
    return queries[0] if queries else None


def _words(query: SeenQuery) -> str:
    addresses = many(len(set(query.answer)), "address", "addresses")
    return addresses if query.answer or query.rcode == "NOERROR" else query.rcode


def _cuts(attempt: SeenAttempt) -> bool:
    """Say whether the replica closed the connection at this attempt, as the order planned."""
    return attempt.code is None and "CLOSE" in attempt.id.partition("~")[2]


def _waited(call: Call, timeout: float) -> bool:
    late = call.received - call.sent >= 0.9 * timeout
    return late and not call.attempts and call.code in {"DEADLINE_EXCEEDED", None}
