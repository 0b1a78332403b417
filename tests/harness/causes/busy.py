"""Whether the machine was too busy to count what failed as the gateway's fault (evidence/starvation.py measures it)."""

from tests.harness.causes.case import Case
from tests.harness.evidence.history import Event
from tests.harness.evidence.starvation import GATEWAY, REPLICA, SUITE


def too_busy(case: Case) -> str:
    """Return who was late, and by how much, while a behaviour was judged; "" if neither was."""
    paused = {verb.on for verb in case.faults if verb.verb == "pause"}  # late because it was frozen
    late = [
        event
        for event in case.history.of_kind(SUITE, REPLICA, GATEWAY)
        if event.at >= case.began and event.members.get("replica") not in paused
    ]
    worst = max(late, key=_seconds, default=None)
    if worst is None:
        return ""
    return f"not counted as a failure, as the machine was too busy: {_words(worst)}"


def _words(late: Event) -> str:
    if late.event == GATEWAY:
        return f"the gateway waited {_seconds(late):.2f} s out of one second for a CPU"
    who = late.members.get("replica", "the suite itself")
    return f"{who} woke {_seconds(late):.2f} s late, and each call waits for a CPU several times"


def _seconds(event: Event) -> float:
    return float(event.members["seconds"])
