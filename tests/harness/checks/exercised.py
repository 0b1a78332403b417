"""
What a gateway was seen to do in one behaviour, and which behaviours show nothing unless it did that somewhere.

"A non-retryable code is not retried" holds for any gateway that retries nothing at all: it holds vacuously. Such a
behaviour names with `@pytest.mark.vacuous_without(kind)` what a gateway has to be seen to do in the run, by its
histories. If it was not, its verdict stays and the report shows that it is untested.

Rule 1: what the evidence cannot show in an environment is absent, and then nothing is untested for lack of it.
Rule 2: what a gateway did with a configuration that a behaviour gave it shows nothing about the one that it has.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

from tests.harness.causes.case import Case
from tests.harness.price.price import first_sign
from tests.harness.price.servable import Servable, own_configuration

TOGETHER = 0.05
"""Seconds: queries for a name that are closer are those of one resolution, as for several search domains."""

CONFIGURED = "configured"
"""Whether the behaviour gave the gateway a configuration; stands among the kinds."""


def _retries(case: Case) -> bool | None:
    return any(len(call.attempts) > 1 and call.attempts[0].code != "OK" for call in case.history.calls)


def _re_resolves(case: Case) -> bool | None:
    if case.answers is None:
        return None
    if not case.fresh:
        return any(query.at > case.began for query in case.answers)
    times = [query.at for query in case.answers]
    return any(later - earlier > TOGETHER for earlier, later in pairwise(times))


def _finds_new_addresses(case: Case) -> bool | None:
    arrivals = [arrival for arrival in Servable.of(case.history).arrivals if arrival.new]
    return any(first_sign(case, arrival) is not None for arrival in arrivals)


def _watches_health(case: Case) -> bool | None:
    return any(event.members.get("by") == "Watch" for event in case.history.of_kind("replica health_asked"))


_KINDS: Mapping[str, Callable[[Case], bool | None]] = {
    "retries": _retries,
    "re-resolves": _re_resolves,
    "finds new addresses": _finds_new_addresses,
    "watches health": _watches_health,
}
NOTHING = {
    "retries": "no call was retried",
    "re-resolves": "the name was never resolved again",
    "finds new addresses": "no replica at a new address was found",
    "watches health": "no health was watched",
}
"""What there was none of, in words, by kind."""

KINDS = tuple(_KINDS)


def exercised(case: Case) -> Mapping[str, bool]:
    """Return whether each kind was seen in one behaviour, as far as its evidence can show it."""
    seen = {kind: look(case) for kind, look in _KINDS.items()}
    shown = {kind: did for kind, did in seen.items() if did is not None}
    return {CONFIGURED: not own_configuration(case.history), **shown}
