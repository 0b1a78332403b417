"""A Service that is wrong in a way that looks right: rules for what a cluster's DNS returns to a gateway."""

from tests.harness.causes.case import HARMLESS, Case, Finding, certain, likely, many
from tests.harness.causes.rules import general

FEW = 4
"""Fewer calls than this may all have failed by chance."""


@general(110)
def wrong_port(case: Case) -> Finding | None:
    """No call was served, none reached a replica, and nothing was ever done to any."""
    harmed = [verb for verb in case.history.verbs if verb.verb not in HARMLESS]
    if harmed or len(case.calls) < FEW or case.attempts or len(case.failed) < len(case.calls):
        return None
    seen = f"{many(len(case.calls), 'call')} failed, none of them reached a replica, and all replicas were ready"
    return likely("wrong_port", seen, "a target that points to other machines would look the same")


@general(115)
def unready_replicas_listed(case: Case) -> Finding | None:
    """A replica that was not ready before the gateway started was used nevertheless."""
    taken = {verb.on: verb.asked for verb in case.history.verbs if verb.verb == "take readiness"}
    given = {verb.on: verb.asked for verb in case.history.verbs if verb.verb == "give readiness"}
    for name, since in taken.items():
        if since > case.born or given.get(name, -1.0) > since:
            continue
        attempts = [attempt for attempt in case.attempts if attempt.replica == name]
        fresh = [connection for connection in case.connections if connection.opened >= case.born]
        connections = [connection for connection in fresh if connection.replica == name]
        if attempts or connections:
            seen = (
                f"{name} was not ready before the gateway started, and it got {many(len(attempts), 'attempt')} over "
                f"{many(len(connections), 'connection')}"
            )
            return certain("unready_replicas_listed", seen, "the gateway can know its address only if it is listed")
    return None
