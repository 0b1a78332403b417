"""Why calls go where a proxy sends them."""

from tests.harness.causes.case import Case, Finding, certain, many
from tests.harness.causes.rules import general


@general(105)
def routed_through_proxy(case: Case) -> Finding | None:
    """The proxy that the environment names received requests for the order service."""
    tunnels = [event for event in case.history.of_kind("proxy tunnel") if event.at >= case.born]
    if not tunnels:
        return None
    reached = {attempt.replica for attempt in case.attempts}
    seen = f"the proxy from the environment received {many(len(tunnels), 'request')} for {tunnels[0].members['wanted']}"
    seen += f", and {many(len(case.calls), 'call')} reached {many(len(reached), 'replica')}"
    return certain("routed_through_proxy", seen, "the proxy recorded what was requested")
