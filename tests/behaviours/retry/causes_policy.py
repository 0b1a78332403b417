"""Why a retry policy is not in force as it is written."""

from collections.abc import Callable, Mapping, Sequence

from tests.behaviours.retry.causes import no_retry
from tests.behaviours.service_config.causes import half_used
from tests.harness.causes.case import Case, Finding, certain, many
from tests.harness.world.refusal import GIVEN


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


FIRST: Mapping[str, Sequence[Callable[[Case], Finding | None]]] = {
    "test_an_invalid_retry_policy_is_not_read_in_part": (half_used,),
    "test_codes_may_be_written_in_lower_case_or_as_numbers": (codes_refused, no_retry),
}
"""For what a behaviour promises, the rules that answer just that."""
