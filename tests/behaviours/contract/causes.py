"""Why a gateway breaks the contract, where a behaviour's own assertion finds it before the checks do."""

from statistics import median

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.checks.check import finding_of
from tests.harness.checks.contract import an_answer_comes_from_a_call

SHOWS = 0.1
"""Seconds above the promised overhead from which a median call is slow: a sixth of the slack on loopback."""


def answered_from_memory(case: Case) -> Finding | None:
    """
    Orders were answered without a call for each, or although all of its calls had failed.

    >>> answered_from_memory(Story().call(1.1, "a").again(1.2).again(1.3).case()).suspects
    ('answers_from_memory',)
    >>> answered_from_memory(Story().call(1.1, "a").call(1.2, "b").case()) is None
    True
    """
    return finding_of(an_answer_comes_from_a_call, case)


def not_stopped(case: Case) -> Finding | None:
    """
    Name what a gateway made of SIGTERM: it dropped orders in flight, or did not exit.

    >>> dropped = Story().verb(1.2, "stop gateway", "gateway", within=5.0).call(1.1, "a", code=None, took=0.2)
    >>> not_stopped(dropped.case()).suspects
    ('drops_requests_on_sigterm',)
    >>> deaf = Story().verb(1.2, "stop gateway", "gateway", took=None, within=5.0).call(1.1, "a", took=0.3)
    >>> not_stopped(deaf.case()).suspects
    ('ignores_sigterm',)
    >>> stopped = Story().verb(1.2, "stop gateway", "gateway", within=5.0).call(1.1, "a", took=0.3)
    >>> not_stopped(stopped.case()) is None
    True
    """
    stops = [verb for verb in case.faults if verb.verb == "stop gateway"]
    if not stops:
        return None
    cut = [call for call in case.failed if call.sent <= stops[0].asked <= call.received]
    if cut:
        seen = f"{many(len(cut), 'order')} in flight got no answer once the gateway received SIGTERM"
        return certain("drops_requests_on_sigterm", seen, "the replicas were answering them")
    if stops[0].confirmed is None:
        seen = f"the gateway was still running {stops[0].members['within']:.1f} s after SIGTERM"
        return certain("ignores_sigterm", seen, "every order in flight had been answered")
    return None


def overhead(case: Case) -> Finding | None:
    """
    Calls take long in the gateway: the time before their first attempt arrived is most of what the median call took.

    >>> slow = Story().call(1.1, "a", took=0.5).call(1.7, "b", took=0.5).call(2.3, "c", took=0.5)
    >>> overhead(slow.case()).suspects
    ('overhead',)
    >>> overhead(Story().call(1.1, "a").call(1.2, "b").case()) is None
    True
    """
    served = [call for call in case.calls if call.ok and len(call.attempts) == 1]
    took = median(call.received - call.sent for call in served) if served else 0.0
    if took - case.promises.overhead < SHOWS:
        return None
    before = median(call.attempts[0].at - call.sent for call in served)
    seen = f"a call takes {took * 1000:.0f} ms, {before * 1000:.0f} ms of it before a replica gets it"
    return likely("overhead", seen, "a slow network between gateway and replicas would look the same")
