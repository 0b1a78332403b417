"""What a gateway made of its name server's answers and failures, where the name server is ours."""

from itertools import pairwise, takewhile

from tests.behaviours.dns.causes_discovery import LOSSES
from tests.behaviours.dns.questions import asks_again_within
from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many
from tests.harness.evidence.history import AskedVerb, Call, SeenAttempt, SeenQuery

FEW = 4
"""Fewer calls than this may all have failed by chance."""

FAILURES = ("NXDOMAIN", "EMPTY", "SERVFAIL")
"""The faults of a name server that answers, and gives no address."""

TAKEN = ("unlist", "list a dead address only")
"""What leaves replicas alive and takes their addresses out of the name server."""


def never_resolved(case: Case) -> Finding | None:
    """The gateway served calls, and never asked for an address."""
    served = [call for call in case.all_calls if call.ok]
    if case.answers is None or case.answers or not served:
        return None
    seen = f"the gateway served {many(len(served), 'call')} and has not asked the name server once since it started"
    return certain("address_list", seen, "a name would have been asked for, at least at the first call")


def resolved_too_often(case: Case) -> Finding | None:
    """Questions that were answered followed each other sooner than promised, again and again."""
    floor = case.promises.min_resolution_interval
    asked = [query.at for query in case.answers or () if query.answer and query.at > case.began]
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    short = [gap for gap in gaps if gap < floor / 2]
    if len(short) < 2:
        return None
    seen = (
        f"the gateway asked {len(asked)} times in {asked[-1] - asked[0]:.2f} s, {many(len(short), 'time')} less than "
        f"half of the promised {floor:g} s after the question before"
    )
    return likely(
        "short_resolution_interval", seen, "a gateway that opens a new channel at each loss would look the same"
    )


def resolved_unprompted(case: Case) -> Finding | None:
    """The gateway asked more than once, though nothing was taken from it."""
    if not case.answers or len(case.answers) < 2 or case.faults_of(*LOSSES) or any(map(_cuts, case.attempts)):
        return None
    if "MAX_CONNECTION_AGE_MS" in case.world:
        return None
    seen = (
        f"the gateway asked {len(case.answers)} times within {case.ended - case.answers[0].at:.1f} s, "
        "though nothing was stopped, cut or aged"
    )
    return likely("polling", seen, "a gateway that closes its connections by itself would look the same")


def addresses_dropped(case: Case) -> Finding | None:
    """Calls reach nobody since the name server failed, though every replica is well."""
    failing = [each for each in case.faults_of("fail names") if each.members["fault"] in FAILURES]
    if not failing or case.faults_of(*LOSSES):
        return None
    told = _first_question(case, failing[0])
    if told is None or told.answer or not any(call.ok for call in case.all_calls if call.sent < told.at):
        return None
    after = [call for call in case.calls if call.sent > told.at]
    lost = [call for call in after if not call.ok and not call.attempts]
    if len(lost) < FEW:
        return None
    seen = (
        f"the name server answered {_words(told)}, and {len(lost)} of {many(len(after), 'call')} after that reached "
        f"none of the {len(case.replicas)} replicas, which were well"
    )
    return certain("addresses_dropped_on_dns_failure", seen, "nothing but the name server had failed")


def failure_treated_as_permanent(case: Case) -> Finding | None:
    """The gateway was answered that there is nobody, and has not asked again since there is somebody."""
    failed = list(takewhile(lambda query: not query.answer, reversed(case.answers or [])))
    if not failed:
        return None
    healed = [each.confirmed for each in case.faults_of("heal names", "scale") if each.confirmed is not None]
    since = min((at for at in healed if at > failed[0].at), default=case.ended)
    waited = case.ended - since
    if waited < asks_again_within(since - failed[-1].at) or any(call.ok for call in case.calls if call.sent > since):
        return None
    seen = (
        f"the gateway had asked {many(len(case.answers or []), 'time')}, was answered {_words(failed[0])}, and has "
        f"not asked again in the {waited:.1f} s after the name server had addresses"
    )
    return likely(
        "dns_failure_treated_as_permanent",
        seen,
        "a gateway that waits very long before it asks again would look the same",
    )


def waited_for_dns(case: Case) -> Finding | None:
    """While the name server answered that there is nobody, calls waited for their deadline instead of failing."""
    told = [query for query in case.answers or () if not query.answer]
    timeout = case.promises.call_timeout
    waited = [call for call in case.calls if _waited(call, timeout) and told and call.received > told[0].at]
    if not waited or not any(each.verb == "fail names" for each in case.history.verbs):
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"the name server answered {_words(told[0])}, and {many(len(waited), 'call')} waited for {longest:.2f} s; "
        f"the deadline is {timeout:g} s"
    )
    return likely("wait_for_ready", seen, "the answer came at once, so no resolution was waited for")


def addresses_never_removed(case: Case) -> Finding | None:
    """The gateway was told a list without a replica, and went on sending calls there."""
    for taken in case.faults_of(*TAKEN):
        told = _first_question(case, taken)
        if told is None:
            continue
        gone = {taken.on} & set(case.replicas) or set(case.replicas)
        mended = [event.at for event in case.history.of_kind("published") if event.at > told.at]
        until = min(mended, default=case.ended)
        late = [each for each in case.attempts if each.replica in gone and told.at + LATE < each.at < until]
        if late:
            seen = (
                f"the name server had answered {_words(told)}, without {', '.join(sorted(gone))}, and "
                f"{many(len(late), 'attempt')} went there up to {late[-1].at - told.at:.1f} s after"
            )
            return likely("addresses_never_removed", seen, "a gateway that throws its answers away would look the same")
    return None


def channel_recreated(case: Case) -> Finding | None:
    """With an answer of the name server connections were others, those that nobody had cut as well."""
    cut = {each.replica for each in case.attempts if _cuts(each)} | {each.on for each in case.faults_of(*LOSSES)}
    used = [(each.at, each.replica, each.peer) for each in case.attempts if each.replica not in cut]
    known = [*used, *((each.opened, each.replica, each.peer) for each in case.connections if each.replica not in cut)]
    for query in (case.answers or [])[1:]:
        old = {peer for at, _, peer in known if at <= query.at}
        before = {replica for at, replica, _ in known if at <= query.at}
        renewed = {replica for _, replica, peer in known if peer not in old} & before
        if renewed and not any(at > query.at + LATE and peer in old for at, _, peer in used):
            seen = (
                f"the connections to {', '.join(sorted(renewed))}, which nobody had cut, were others after the name "
                f"server had answered {_words(query)}"
            )
            because = "a gateway that renews its channel for another reason at that moment would look the same"
            return likely("channel_recreated", seen, because)
    return None


def no_tcp(case: Case) -> Finding | None:
    """Answers that were cut were not asked for over TCP, and no call was served."""
    truncated = [
        each for each in case.history.verbs if each.verb == "fail names" and each.members["fault"] == "TRUNCATED"
    ]
    asked = [event.members for event in case.history.of_kind("dns query") if event.at >= case.born]
    over = [each["protocol"] for each in asked if each["kind"] == "A"]
    if not truncated or not over or "tcp" in over or not case.calls or any(call.ok for call in case.calls):
        return None
    seen = (
        f"{many(len(over), 'answer')} over UDP {'was' if len(over) == 1 else 'were'} cut, none was asked for over TCP, "
        f"and {len(case.failed)} of {many(len(case.calls), 'call')} failed"
    )
    return certain("no_tcp", seen, "the name server answers over TCP as well, and nothing else was wrong")


def ipv6_needed(case: Case) -> Finding | None:
    """No call reached anybody, though the question for IPv4 addresses was answered: the other one had failed."""
    asked = [event.members for event in case.history.of_kind("dns query") if event.at >= case.born]
    failed = [each["rcode"] for each in asked if each["kind"] == "AAAA" and each["rcode"] != "NOERROR"]
    found = max((len(each["answer"]) for each in asked if each["kind"] == "A"), default=0)
    if not failed or not found or case.attempts or len(case.failed) < FEW or case.faults_of(*LOSSES):
        return None
    seen = (
        f"the name server answered {many(found, 'IPv4 address', 'IPv4 addresses')}, and {failed[0]} for IPv6; "
        f"{len(case.failed)} of {many(len(case.calls), 'call')} failed, none of them reached a replica"
    )
    return certain("ipv6_needed", seen, "nothing but the question for IPv6 addresses had failed")


def txt_record_applied(case: Case) -> Finding | None:
    """A service config that the name server gave was asked for, and calls are not spread since."""
    published = [each for each in case.history.verbs if each.verb == "publish a text record"]
    asked = [event.members for event in case.history.of_kind("dns query") if event.at >= case.born]
    told = [each for each in asked if each["kind"] == "TXT" and each["answer"]]
    used = {each.replica for each in case.attempts}
    if not published or not told or len(case.attempts) < FEW or len(used) == len(case.replicas):
        return None
    seen = (
        f"the gateway asked for TXT records and was given {published[-1].members['text']}; "
        f"{many(len(case.attempts), 'attempt')} went to {', '.join(sorted(used))}"
    )
    return certain("txt_record_overrides_config", seen, "that config says so, and the gateway's own says otherwise")


def waited_without_deadline(case: Case) -> Finding | None:
    """The name server was silent, and calls waited for it beyond their promised deadline."""
    timeout = case.promises.call_timeout
    waited = [call for call in case.calls if not call.attempts and call.received - call.sent > 1.5 * timeout]
    if not case.answers or any(query.rcode != "silent" for query in case.answers) or not waited:
        return None
    longest = max(call.received - call.sent for call in waited)
    seen = (
        f"the name server was silent, and {many(len(waited), 'call')} waited for it for {longest:.1f} s and more; "
        f"the deadline is {timeout:g} s"
    )
    return likely("no_deadline", seen, "a deadline that is much longer than promised would look the same")


def _first_question(case: Case, fault: AskedVerb) -> SeenQuery | None:
    """Return the first question after a fault of the name server."""
    asked = [query for query in case.answers or () if query.at > (fault.confirmed or fault.asked)]
    return asked[0] if asked else None


def _words(query: SeenQuery) -> str:
    addresses = many(len(set(query.answer)), "address", "addresses")
    return addresses if query.answer or query.rcode == "NOERROR" else query.rcode


def _cuts(attempt: SeenAttempt) -> bool:
    """Say whether the replica closed the connection at this attempt, as the order planned."""
    return attempt.code is None and "CLOSE" in attempt.id.partition("~")[2]


def _waited(call: Call, timeout: float) -> bool:
    late = call.received - call.sent >= 0.9 * timeout
    return late and not call.attempts and call.code in {"DEADLINE_EXCEEDED", None}
