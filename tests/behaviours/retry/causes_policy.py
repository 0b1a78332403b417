"""Why a retry policy is not in effect as written."""

from tests.harness.causes.case import Case, Finding, certain, many
from tests.harness.world.environment import GIVEN


def codes_refused(case: Case) -> Finding | None:
    """The gateway did not start, or none of its calls reached a replica, with codes that are spelt differently."""
    given = [verb for verb in case.history.verbs if verb.verb == GIVEN]
    refused = [verb for verb in given if verb.confirmed is None or _none_reached(case, verb.confirmed)]
    if not refused:
        return None
    seen = f"{len(refused)} of {many(len(given), 'service config')} with a code in another spelling kept the gateway "
    return certain("valid_config_refused", f"{seen}from serving", "it had served orders with the code in upper case")


def _none_reached(case: Case, since: float) -> bool:
    """Say whether the next order placed reached no replica."""
    later = [call for call in case.history.calls if call.sent >= since]
    return bool(later) and not later[0].attempts
