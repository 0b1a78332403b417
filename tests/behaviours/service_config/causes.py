"""Which part of the service config that a gateway was given is in effect."""

from collections.abc import Mapping

from tests.harness.causes.case import Case, Finding, certain, likely, many, tally
from tests.harness.subject.service_configs import policies
from tests.harness.world.environment import GIVEN


def _spoken(name: Mapping[str, str]) -> str:
    """Return a name of methodConfig in words."""
    return "/".join([name["service"], *([name["method"]] if "method" in name else [])]) if name else "every method"


def less_specific_name(case: Case) -> Finding | None:
    """Calls made as many attempts as the retry policy of a less specific name allows."""
    calls = [call for call in case.failed if {attempt.code for attempt in call.attempts} == {"UNAVAILABLE"}]
    counts = {len(call.attempts) for call in calls}
    wanted = case.max_attempts
    if not case.config or len(counts) != 1 or wanted in counts:
        return None
    (made,) = counts
    seen = f"{many(len(calls), 'call')} made {made} attempts each; the most specific name allows {wanted}"
    others = [name for name, attempts in policies(case.config) if attempts == made]
    if others:
        seen += f", and the policy for {_spoken(others[0])} allows {made}"
        return certain("less_specific_name", seen, "no two policies allow the same number")
    if made == case.promises.max_attempts:
        return likely("config_ignored", seen, f"{made} are promised for the gateway's own service config")
    return None


def partly_applied(case: Case) -> Finding | None:
    """Given a service config with an invalid field, the gateway serves calls, but not under its own config."""
    given = [verb for verb in case.history.verbs if verb.verb == GIVEN and verb.confirmed is not None]
    if not given or not case.attempts:
        return None
    one_replica, short = len({attempt.replica for attempt in case.attempts}) == 1, _retried_less(case)
    if not (one_replica or short):
        return None
    seen = (
        f"given a service config with an invalid field, the gateway made {many(len(case.attempts), 'attempt')}, "
        f"spread {tally(attempt.replica for attempt in case.attempts)}"
    )
    seen += f", up to {_longest(case)} per call" if short else ""
    return likely(
        "partly_applied_config", seen, "a built-in service config equal to the valid part would look the same"
    )


def _longest(case: Case) -> int:
    return max((len(call.attempts) for call in case.failed), default=0)


def _retried_less(case: Case) -> bool:
    return 0 < _longest(case) < case.promises.max_attempts
