"""What a gateway made of a name that is an alias, or that does not exist yet while calls wait."""

from bisect import bisect_left, bisect_right

from tests.harness.causes.case import LATE, Case, Finding, certain, likely, many
from tests.harness.causes.rules import general

MANY = 10
"""Calls below which a query for each may be chance."""


def alias_not_followed(case: Case) -> Finding | None:
    """The name was an alias, its addresses were in the answers, and no call reached any of them."""
    aliased = any(verb.verb == "alias the name" for verb in case.history.verbs)
    answers = [query for query in case.answers or () if query.answer]
    if not aliased or not answers or case.attempts or not case.failed:
        return None
    seen = f"the name was an alias, {many(len(answers), 'answer')} had its addresses, and no call reached any"
    return certain("alias_not_followed", seen, "the replicas at these addresses were serving")


@general(407)
def query_for_each_call(case: Case) -> Finding | None:
    """Nearly every call was preceded by a DNS query, sent after the call was."""
    queries = sorted(query.at for query in case.answers or ())
    served = [call for call in case.calls if call.attempts and call.ok]
    first = [
        call
        for call in served
        if bisect_left(queries, call.sent) < bisect_right(queries, call.attempts[0].at + LATE / 10)
    ]
    shared = len({attempt.peer for attempt in case.attempts}) < len(case.attempts) / 2
    if not shared or len(served) < MANY or len(queries) < 0.8 * len(served) or len(first) < 0.8 * len(served):
        return None
    seen = f"{many(len(queries), 'DNS query', 'DNS queries')} for {many(len(served), 'call')}, one while each of "
    seen += f"{len(first)} of them was on its way"
    return likely("resolves_in_calls", seen, "a gateway that polls as often would look the same")


def did_not_wait_for_dns(case: Case) -> Finding | None:
    """The name did not exist, and calls that should wait for a replica failed well before their deadline."""
    failing = any(verb.verb == "fail names" for verb in case.history.verbs)
    waits = case.promises.wait_for_ready or case.given.get("WAIT_FOR_READY") == "true"
    half = case.promises.call_timeout / 2
    early = [call for call in case.failed if not call.attempts and call.received - call.sent < half]
    if not failing or not waits or not early:
        return None
    seen = f"the name did not resolve, and {many(len(early), 'call')} failed within {half:.2f} s instead of waiting"
    return certain("fails_fast", seen, "a call that waits for a ready replica fails only at its deadline")
