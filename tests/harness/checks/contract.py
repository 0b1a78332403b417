"""The contract (docs/reference/contract.md, tier 1), as far as any behaviour shows whether a gateway keeps it."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from urllib.parse import unquote

from tests.harness.causes.case import LATE, SOON, Case, Finding, certain, likely, many, planned_delay, undecided
from tests.harness.checks.check import Absent, Verdict, check, environment_of
from tests.harness.evidence.history import Call, SeenAttempt
from tests.harness.world.order_ids import ID
from tests.harness.world.serial import ARRIVALS, SERIAL

INCOMPLETE = "ledgers incomplete"

NOT_ORDERED = "each attempt is taken for a call"

REPORTED = 2.0
"""Seconds by which a replica on a busy machine may report the end of a connection late; others stay open longer."""


def is_its_own(case: Case) -> bool:
    """Say whether the subject has its own request or service."""
    return bool(case.history.of_kind("correlation"))


def is_known_as(found: str, case: Case) -> bool:
    """Say whether that is how the attempts of a call are known."""
    return any(event.members["found"] == found for event in case.history.of_kind("correlation"))


def calls_by_itself(case: Case) -> bool:
    """Say whether each attempt is taken for a call: the subject calls by itself, or no call of it can be told apart."""
    return is_known_as(ARRIVALS, case)


@check
def a_call_is_made_for_an_order_only(case: Case) -> Verdict:
    """
    No replica is called with an id that no one ordered.

    A call whose id is one of ours in another spelling is not a stranger, nor is one that was ordered before this
    behaviour began: an earlier one gave up waiting for it. Where no id at all is one that was ordered, something
    between changes the ids, and whose they are cannot be known. No error rate: one such call proves it.
    """
    if calls_by_itself(case):
        return Absent(NOT_ORDERED)
    if is_known_as(SERIAL, case):
        return Absent("what arrives while an order is under way is taken for a part of it")
    attempts = case.history.attempts
    ordered = {call.id for call in case.history.calls}
    streams = {event.members["id"] for event in case.history.of_kind("stream")}
    ordered |= streams
    if not any(attempt.id in ordered for attempt in attempts):
        return Absent("no call carries the id of an order")
    if streams and not any(attempt.id in streams for attempt in attempts):
        return Absent("no call carries the id of a stream")
    ours = _first_of_each_prefix(ordered)
    spelt = {_plain(order) for order in ordered}
    strangers = [
        attempt
        for attempt in attempts
        if attempt.id not in ordered and not _is_left_over(attempt.id, ours) and _plain(attempt.id) not in spelt
    ]
    if not strangers:
        return None
    ids = sorted({attempt.id for attempt in strangers})
    seen = f"{many(len(strangers), 'call')} reached the replicas that no one had ordered: {', '.join(ids[:3])[:200]}"
    return certain("own_calls", seen, "the suite knows every id that it ordered, and this is none of them")


def _first_of_each_prefix(ordered: Iterable[str]) -> Mapping[str, int]:
    """Return the lowest number of the orders with each prefix."""
    found = sorted(((match[1], int(match[2])) for match in map(ID.fullmatch, ordered) if match), reverse=True)
    return dict(found)


def _is_left_over(order: str, ours: Mapping[str, int]) -> bool:
    found = ID.fullmatch(order)
    return found is not None and int(found[2]) < ours.get(found[1], math.inf)


def _plain(order: str) -> str:
    """Return an id without its plan, regardless of case and escaping."""
    return unquote(order).partition("~")[0].strip().lower()


@check
def an_answer_comes_from_a_call(case: Case) -> Verdict:
    """
    Each order that is answered with 200 was answered by a replica, in a separate call.

    A ledger has the attempt before the replica answers it. In containers the last lines of a killed replica may be lost
    with it, so orders that name a replica which was taken down do not count there. No error rate.
    """
    if calls_by_itself(case):
        return Absent(NOT_ORDERED)
    if case.history.of_kind(INCOMPLETE):
        return Absent("not every ledger could be read to its end")
    if not case.history.attempts:
        return Absent("no ledger has any call")
    lost = set() if environment_of(case) == "loopback" else {verb.on for verb in case.history.verbs}
    served = [call for call in case.history.calls if call.ok and call.served_by not in lost]
    answers = Counter(call.id for call in served)
    made = {call.id: sum(attempt.code == "OK" for attempt in call.attempts) for call in served}
    short = [order for order, count in answers.items() if made[order] < count]
    if not short:
        return None
    order = short[0]
    failed = [call for call in served if call.id == order and call.attempts and not made[order]]
    if failed and is_its_own(case):
        seen = f"{many(len(short), 'order')} answered with {failed[0].status} whose calls all failed, such as {order}"
        return certain("failures_as_success", seen, "the ledgers have every attempt of it, and none was answered OK")
    seen = f"{many(len(short), 'order')} answered with 200 without a call for it, such as {order}: "
    seen += f"{many(answers[order], 'answer')}, {many(made[order], 'call')} that a replica answered OK"
    return certain("answers_from_memory", seen, "the ledgers have every call, and they were read to their end")


@check
def a_failure_has_a_status_of_400_or_more(case: Case) -> Verdict:
    """
    Each reply that is not the order has an HTTP status of 400 or more.

    No matter what the body contains: a caller that looks at the status treats anything below as the order. Subjects
    that promise `codes = "untold"` still keep this. No error rate.
    """
    if is_its_own(case):
        return Absent("the subject file tells which statuses are a success")
    replies = [call for call in case.history.calls if call.status is not None]
    if not replies:
        return Absent("no order was answered")
    wrong = [call for call in replies if (call.status or 0) < 400 and not call.ok]
    if not wrong:
        return None
    served = [call for call in wrong if any(attempt.code == "OK" for attempt in call.attempts)]
    cause = "malformed_success" if len(served) == len(wrong) else "failures_as_success"
    seen = f"{many(len(wrong), 'reply', 'replies')} of {len(replies)} not an order, with a status below 400: "
    seen += f"{wrong[0].message[:200]}"
    return certain(cause, seen, "a success is 200 with the order's id and served_by; anything else is a failure")


@check
def a_call_that_has_not_failed_is_not_repeated(case: Case) -> Verdict:
    """
    No call that a replica is answering is made again.

    Counted are calls with another attempt after one that was to be answered OK. Legal clients make one after the first
    was lost: so not where the first one's connection ended by then, or anything was done to the world before, or its
    replica sent a frame by hand, or its plan closes connections; nor where hedging is configured or promised, or a
    timeout for each attempt has passed. What a drain or a GOAWAY must not cut is for behaviours to judge. No error
    rate: the ledgers have both attempts. The connection's end may be reported late, and so may an arrival: of two
    attempts that are close to each other and carry no numbers, either may have been the first.
    """
    if calls_by_itself(case):
        return Absent(NOT_ORDERED)
    if case.promises.hedging or any("hedgingPolicy" in method for method in case.methods):
        return Absent("hedging is configured")
    if not case.history.connections:
        return Absent("no ledger records connections")
    placed = Counter(call.id for call in case.history.calls)
    once = [call for call in case.calls if placed[call.id] == 1 and "CLOSE" not in call.id]
    repeated = [(call, pair) for call in once if (pair := _repeated(case, call))]
    if not repeated:
        return None
    call, (first, second) = repeated[0]
    seen = f"{many(len(repeated), 'call')} made again although nothing had failed: {call.id} reached {first.replica}, "
    seen += f"which was to answer it OK, and {second.at - first.at:.2f} s later {second.replica}"
    return _again(seen, first, second)


def _again(seen: str, first: SeenAttempt, second: SeenAttempt) -> Finding:
    """Return whether a second call was made before the answer to the first one, or after it, as far as that shows."""
    after = second.at - first.at - planned_delay(first)
    if second.previous_attempts or after < -SOON:
        numbered = "it is numbered as a retry" if second.previous_attempts else "it carries no number of a retry"
        because = f"{numbered}; a connection that was lost and not reported would look the same"
        return likely("repeated_call", seen, because)
    if after > SOON:
        return likely("called_twice", seen, "a connection that was lost and not reported would look the same")
    return undecided(("called_twice", "repeated_call"), seen, "orders that take long: is the second call made before?")


def _repeated(case: Case, call: Call) -> tuple[SeenAttempt, SeenAttempt] | None:
    """Return an attempt that was to be answered OK, and the next one, if nothing excuses that."""
    for first, second in pairwise(call.attempts):
        if _for_nothing(case, first, second) and (_surely_ordered(first, second) or _for_nothing(case, second, first)):
            return first, second
    return None


def _surely_ordered(first: SeenAttempt, second: SeenAttempt) -> bool:
    """Say whether the second attempt was made after the first: a busy replica may write down its own a bit late."""
    return second.at - first.at > LATE or first.previous_attempts != second.previous_attempts


def _for_nothing(case: Case, first: SeenAttempt, second: SeenAttempt) -> bool:
    return first.code == "OK" and not _excused(case, first, second)


def _excused(case: Case, first: SeenAttempt, second: SeenAttempt) -> bool:
    limits = [case.promises.per_try_timeout, case.promises.call_timeout]
    given_up = [limit for limit in limits if limit and second.at - first.at >= limit * 0.8]
    links = [link for link in case.history.connections if (link.replica, link.peer) == (first.replica, first.peer)]
    lost = [link for link in links if link.closed is not None and link.closed <= second.at + REPORTED]
    hurt = [fault for fault in case.faults if fault.asked <= second.at + LATE]
    frames = [frame for frame in case.history.of_kind("replica frame") if frame.members["replica"] == first.replica]
    return not links or bool(given_up or hurt or frames or lost)  # one that is not on record may have ended


@check
def credentials_are_on_every_attempt(case: Case) -> Verdict:
    """
    Each attempt of a call carries the credentials that an earlier attempt of it carried.

    Those in metadata: `authorization`, `cookie`, `x-api-key`. gRPC's own retries repeat all metadata (gRFC A6); a loop
    or an interceptor may forget it, and the retry is then refused where credentials are verified. A retry may carry
    more, or other values: only keys are recorded. Orders that are placed twice under one id do not count. No error
    rate.
    """
    placed = Counter(call.id for call in case.history.calls)
    carried: dict[str, list[frozenset[str]]] = defaultdict(list)
    for event in case.history.of_kind("replica attempt"):
        carried[event.members["id"]].append(frozenset(event.members.get("credentials", ())))
    if not any(any(attempts) for attempts in carried.values()):
        return Absent("no call carries credentials in its metadata")
    once = [attempts for order, attempts in carried.items() if placed[order] == 1]
    lost = [pair for attempts in once for pair in pairwise(attempts) if pair[0] - pair[1]]
    if not lost:
        return None
    first, second = lost[0]
    seen = f"{many(len(lost), 'retry', 'retries')} without {', '.join(sorted(first - second))}, "
    seen += "which the attempt before it carried"
    return certain("credentials_not_repeated", seen, "the ledgers have the keys of the metadata of each attempt")


@check
def the_authority_is_the_target_and_not_an_address(case: Case) -> Verdict:
    """
    Every call names in its `:authority` the service that was meant, not the address that it was sent to.

    Virtual hosts, certificates and logs go by it. Only the hand-written peers see the header; what else a proxy may put
    there, such as the host of the request that it received, is not judged: an address that the name server listed is.
    No error rate.
    """
    calls = [event for event in case.history.of_kind("replica attempt") if event.members.get("authority")]
    if not calls:
        return Absent("no hand-written peer received a call")
    listed = {address for event in case.history.of_kind("published") for address in event.members["addresses"]}
    wrong = [event for event in calls if event.members["authority"].rpartition(":")[0].strip("[]") in listed]
    if not wrong or case.given.get("ORDER_SERVICE_TARGET"):
        return None
    seen = f"{many(len(wrong), 'call')} with the :authority {wrong[0].members['authority']!r}, a replica's address"
    return certain("address_as_authority", seen, "the target is a name, and the address is one that it resolves to")
