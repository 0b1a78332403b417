"""How far a subject came that called no replica, or not as it should: what to look at first."""

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from tests.harness.subject.subject import Subject
from tests.harness.world.ledgers import NOT_JUDGED, Ledgers
from tests.harness.world.verdict import SubjectUnusableError

if TYPE_CHECKING:
    from tests.harness.world.capabilities import Dns

ANSWERED = "the probing call was answered, and no replica was called"

ADDRESSES = ("A", "AAAA")

MOST = 3
"""Names in a message."""


def how_far(capabilities: Mapping[str, object], ledgers: Ledgers, since: float, target: str) -> str:
    """
    Return how far a subject came on its way to a replica, from DNS to a call, and what to look at first.

    `capabilities` has "dns" where its queries can be seen, `since` is when it was about to start, and `target` what the
    subject file calls its target.
    """
    dns = cast("Dns | None", capabilities.get("dns"))
    if ledgers.connections(since):
        return (
            "it connected to a replica and sent no call: is its channel as [service] tls has it, plaintext by default, "
            "and does this request need a call?"
        )
    if dns is None:
        return f"it connected to no replica: does it dial {target}?"
    names = sorted({query.name for query in dns.queries() if query.kind in ADDRESSES})
    if dns.queried_name in names:
        return f"it resolved {dns.queried_name} and connected to no replica: does it dial {target} with its port?"
    if names:
        return (
            f"it queried our name server for {', '.join(names[:MOST])}, not for {dns.queried_name}: "
            f"does it dial {target} as it is?"
        )
    return f"it never queried our name server: does it dial {target}?"


def check_streams(subject: Subject, ids: Container[str], calls: Sequence[Mapping[str, Any]]) -> None:
    """
    Raise SubjectUnusableError if what these streams called is not what is judged; `calls` are lines of the ledgers.

    A subject of the contract is left to the behaviours.
    """
    if subject.stream is None and not subject.is_its_own:
        return
    streamed = (subject.service.stream.method or subject.judged_method) if subject.service else ""
    own = [call for call in calls if call["event"] == "attempt" and call["id"] in ids]
    if strangers := _methods([call for call in own if streamed and call["method"].lstrip("/") != streamed]):
        raise SubjectUnusableError(
            f"the subject's streams call {strangers}, not {streamed}: name it as [stream] method"
        )
    if own:
        return
    if others := _methods([call for call in calls if call["event"] in NOT_JUDGED]):
        raise SubjectUnusableError(
            f"the subject's streams call {others}, and nothing that is judged: name it as [stream] method"
        )
    if unknown := _methods(calls):
        raise SubjectUnusableError(
            f"the subject's streams call {unknown} and carry nothing of their requests: put {{id}} into a field that "
            "it passes on, or send {traceparent}"
        )


def _methods(calls: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(sorted({call["method"].lstrip("/") for call in calls}))
