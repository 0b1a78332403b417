"""Why calls go where a proxy leads them."""

from tests.harness.causes.case import Case, Finding, certain, many
from tests.harness.causes.rules import general


@general(105)
def routed_through_proxy(case: Case) -> Finding | None:
    """The proxy that the environment names was asked for the order service."""
    asked = [each for each in case.history.of_kind("proxy tunnel") if each.at >= case.born]
    if not asked:
        return None
    reached = {each.replica for each in case.attempts}
    seen = f"the proxy in the environment was asked {many(len(asked), 'time')} for {asked[0].members['wanted']}"
    seen += f", and {many(len(case.calls), 'call')} reached {many(len(reached), 'replica')}"
    return certain("routed_through_proxy", seen, "the proxy noted what it was asked for")
