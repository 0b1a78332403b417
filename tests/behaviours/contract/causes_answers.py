"""Why requests are answered by the gateway alone, or not at all."""

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.causes.rules import general
from tests.harness.checks.check import finding_of
from tests.harness.checks.contract import a_failure_has_a_status_of_400_or_more, an_answer_comes_from_a_call

SUDDEN = 0.5
"""Of the deadline: a request without a reply that ended sooner did not wait for anything."""


@general(107)
def answered_without_a_call(case: Case) -> Finding | None:
    """
    Orders were answered without a call, or failures as a success, in a behaviour that is about something else.

    >>> story = Story().calls(1.0, *in_turn(6)).call(1.1, "a").again(1.2).again(1.3)
    >>> answered_without_a_call(story.case()).suspects
    ('answers_from_memory',)
    >>> answered_without_a_call(Story().calls(1.0, *in_turn(6)).case()) is None
    True
    """
    return finding_of(an_answer_comes_from_a_call, case) or finding_of(a_failure_has_a_status_of_400_or_more, case)


@general(322)
def own_error(case: Case) -> Finding | None:
    """
    Requests failed without an attempt, with a status of 500 or more that no other failure has, and without a code.

    >>> story = Story().calls(1.0, *in_turn(6))
    >>> reply = {"code": None, "status": 500, "served_by": None, "message": "HTTP 500: KeyError", "caller": 1}
    >>> for number in range(3):
    ...     _ = story.event(1.1 + number, "order", id=f"o9-{number}", sent=1.1, received=1.101, **reply)
    >>> own_error(story.case()).suspects
    ('own_error',)
    >>> own_error(Story().calls(1.0, *in_turn(6)).call(1.1, code="UNAVAILABLE").case()) is None
    True
    """
    lost = [call for call in case.failed if not call.attempts and call.code is None and (call.status or 0) >= 500]
    ours = set(map(id, lost))
    others = {call.status for call in case.all_calls if id(call) not in ours}
    if not lost or case.promises.codes == "untold" or any(call.status in others for call in lost):
        return None
    if lost[0].status in {502, 503, 504}:
        return None  # these are about the services behind it
    seen = (
        f"{many(len(lost), 'request')} of {len(case.calls)} got HTTP {lost[0].status} without a code, and no replica "
    )
    seen += f"got a call for it: {lost[0].message[:200]}"
    return likely("own_error", seen, "a gateway that answers a call that finds no replica this way would look the same")


@general(443)
def caller_cut_off(case: Case) -> Finding | None:
    """
    Requests got no reply, and the connection was closed long before a call has to end.

    >>> caller_cut_off(Story().calls(1.0, *in_turn(6)).call(1.1, code=None, took=0.01).case()).suspects
    ('caller_cut_off',)
    >>> caller_cut_off(Story().calls(1.0, *in_turn(6)).call(1.1, code=None, took=2.2).case()) is None
    True
    """
    lost = [call for call in case.calls if call.status is None]
    deadline = case.promises.call_timeout or case.promises.longest_backoffs
    cut = [call for call in lost if call.received - call.sent < SUDDEN * deadline]
    if not cut or len(cut) < len(lost) or case.history.of_kind("gateway ended"):
        return None
    longest = max(call.received - call.sent for call in cut)
    reached = sum(bool(call.attempts) for call in cut)
    seen = f"{len(cut)} of {many(len(case.calls), 'request')} had their connection closed without a reply, within "
    seen += f"{longest * 1000:.0f} ms; {reached} of them had reached a replica"
    return certain("caller_cut_off", seen, "a request that waits for something keeps its connection")
