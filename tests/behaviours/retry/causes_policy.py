"""Why a retry policy is not in force as it is written."""

from tests.harness.causes.case import Case, Finding, certain, many
from tests.harness.world.environment import GIVEN


def codes_refused(case: Case) -> Finding | None:
    """The gateway did not start, or no call of it reached a replica, with codes that are written otherwise."""
    given = [each for each in case.history.verbs if each.verb == GIVEN]
    refused = [each for each in given if each.confirmed is None or _none_reached(case, each.confirmed)]
    if not refused:
        return None
    seen = f"{len(refused)} of {many(len(given), 'service config')} with a code in another spelling kept the gateway "
    return certain("valid_config_refused", f"{seen}from serving", "it had served orders with its code in upper case")


def _none_reached(case: Case, since: float) -> bool:
    """Say whether the next order that was placed reached no replica."""
    later = [call for call in case.history.calls if call.sent >= since]
    return bool(later) and not later[0].attempts
