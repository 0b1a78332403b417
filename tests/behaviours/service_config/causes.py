"""Which part of the service config that a gateway was given is in force."""

from collections.abc import Mapping

from tests.harness.causes.case import Case, Finding, certain, likely, many, tally
from tests.harness.subject.service_configs import policies
from tests.harness.world.environment import GIVEN


def _said(name: Mapping[str, str]) -> str:
    return "/".join([name["service"], *([name["method"]] if "method" in name else [])]) if name else "every method"


def less_specific_name(case: Case) -> Finding | None:
    """Calls made as many attempts as the retry policy of another name allows."""
    calls = [call for call in case.failed if call.attempts and {each.code for each in call.attempts} == {"UNAVAILABLE"}]
    counts = {len(call.attempts) for call in calls}
    wanted = case.max_attempts
    if not case.config or len(counts) != 1 or wanted in counts:
        return None
    (made,) = counts
    seen = f"{many(len(calls), 'call')} made {made} attempts each; the most specific name allows {wanted}"
    others = [name for name, attempts in policies(case.config) if attempts == made]
    if others:
        seen += f", and the policy of {_said(others[0])} allows {made}"
        return certain("less_specific_name", seen, "no two policies allow the same number")
    if made == case.promises.max_attempts:
        return likely("config_ignored", seen, f"{made} are promised of the gateway's own service config")
    return None


def partly_applied(case: Case) -> Finding | None:
    """Given a service config with an invalid field, the gateway serves calls, and not as its own config has it."""
    given = [each for each in case.history.verbs if each.verb == GIVEN and each.confirmed is not None]
    if not given or not case.attempts:
        return None
    one, short = len({each.replica for each in case.attempts}) == 1, _retried_less(case)
    if not (one or short):
        return None
    seen = (
        f"given a service config with an invalid field the gateway made {many(len(case.attempts), 'attempt')}, "
        f"spread {tally(each.replica for each in case.attempts)}"
    )
    seen += f", up to {_longest(case)} a call" if short else ""
    return likely(
        "partly_applied_config", seen, "a service config of its own that is like the valid rest would look the same"
    )


def _longest(case: Case) -> int:
    return max((len(call.attempts) for call in case.failed), default=0)


def _retried_less(case: Case) -> bool:
    return 0 < _longest(case) < case.promises.max_attempts
