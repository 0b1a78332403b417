"""Why shares do not follow the load that replicas report, or follow it when they must not (gRFC A58)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean

from tests.harness.causes.case import Case, Finding, certain, likely, tally
from tests.harness.evidence.history import SeenAttempt
from tests.harness.judges.weights import weight
from tests.harness.subject.service_configs import seconds

POLICY = "weighted_round_robin"

LATEST = 48
"""Attempts at the end of a history that show the current shares."""

OFF = 0.06
"""Fraction of these by which a share may miss its weight: 2.9 of 48. Shares of C-core miss theirs by at most 2."""

FEW = 12
"""Attempts that show whether shares lean towards the weights at all, or as few as two for each replica."""


def _weights(case: Case, *, penalty: float = 1.0, metrics: Sequence[str] = ()) -> dict[str, float]:
    """Return the weights that the replicas' reports give; a replica without a report has the mean of the others."""
    starts = [verb for verb in case.history.verbs if verb.verb == "start" and "LOAD_REPORT" in verb.members]
    reports = {start.on: str(start.members["LOAD_REPORT"]) for start in starts}
    found = {
        name: made for name, report in reports.items() if (made := weight(report, penalty=penalty, metrics=metrics))
    }
    return dict.fromkeys(case.replicas, mean(found.values())) | found if len(found) > 1 else {}


def _follow(case: Case, weights: Mapping[str, float]) -> bool:
    """Say whether the latest attempts are spread by these weights."""
    counts = Counter(attempt.replica for attempt in case.attempts[-LATEST:])
    if counts.total() < LATEST or set(counts) - set(weights):
        return False
    whole = sum(weights.values())
    return all(abs(counts[name] / LATEST - share / whole) <= OFF for name, share in weights.items())


def _lean(attempts: Sequence[SeenAttempt], weights: Mapping[str, float]) -> bool:
    """Say whether, of these few attempts, replicas above the mean weight got twice as many as those below it."""
    counts = Counter(attempt.replica for attempt in attempts)
    middle = mean(weights.values())
    above, below = ([counts[name] for name in weights if (weights[name] > middle) is which] for which in (True, False))
    return bool(above) and len(attempts) >= 2 * len(weights) and mean(above) > 2 * mean(below)


def unexpected_shares(case: Case) -> Finding | None:
    """Shares follow something other than the weights that the reports give."""
    penalty = seconds(case.settings_of(POLICY).get("errorUtilizationPenalty", 1.0))
    named: Sequence[str] = case.settings_of(POLICY).get("metricNamesForComputingUtilization", ())
    due = _weights(case, penalty=penalty, metrics=named)
    if not due or not case.settings_of(POLICY) or _follow(case, due):
        return None
    by = ":".join(f"{due[name]:.0f}" for name in sorted(due))
    spread = tally(attempt.replica for attempt in case.attempts[-LATEST:])
    seen = f"the last {LATEST} attempts were spread {spread}; the replicas' reports give weights of {by}"
    if _follow(case, dict.fromkeys(due, 1.0)):
        return likely("not_weighted", seen, "reports lost on the way would look the same")
    if named and _follow(case, _weights(case, penalty=penalty)):
        return likely("no_named_metrics", seen, f"these are exactly the shares without {', '.join(named)}")
    if _follow(case, _weights(case, penalty=0.0)):
        return likely("no_error_penalty", seen, "these are exactly the shares without the errors")
    return None


def too_early(case: Case) -> Finding | None:
    """Shares lean towards the weights, although all of this happened within the blackout period."""
    blackout = seconds(case.settings_of(POLICY).get("blackoutPeriod", "10s"))
    weights = _weights(case)
    if not weights or case.ended - case.born > blackout or not _lean(case.attempts[-FEW:], weights):
        return None
    seen = _leaning(case)
    return certain("no_blackout", seen, f"blackoutPeriod is {blackout:g} s, and no report may count until it is over")


def updated_too_often(case: Case) -> Finding | None:
    """Shares lean towards the weights, although none were due since the gateway first met its replicas."""
    period = seconds(case.settings_of(POLICY).get("weightUpdatePeriod", "1s"))
    weights = _weights(case)
    if not weights or case.ended - case.born > period or not _lean(case.attempts[-FEW:], weights):
        return None
    seen = _leaning(case)
    because = f"weightUpdatePeriod is {period:g} s; a rotation rebuilt for another reason would look the same"
    return likely("weights_updated_too_often", seen, because)


def _leaning(case: Case) -> str:
    latest = case.attempts[-FEW:]
    spread = tally(attempt.replica for attempt in latest)
    return f"{case.ended - case.born:.1f} s after the gateway was started, {len(latest)} attempts were spread {spread}"


def stale_weights(case: Case) -> Finding | None:
    """Shares lean towards the weights, although nothing was reported for longer than weights are valid."""
    lasts = seconds(case.settings_of(POLICY).get("weightExpirationPeriod", "180s"))
    silent = [later.at - earlier.at for earlier, later in pairwise(case.attempts)]
    weights = _weights(case)
    if not weights or max(silent, default=0.0) <= lasts:
        return None
    after = case.attempts[silent.index(max(silent)) + 1 :][:FEW]
    if not _lean(after, weights):
        return None
    spread = tally(attempt.replica for attempt in after)
    seen = f"after {max(silent):.1f} s without a call, {len(after)} attempts were spread {spread}"
    return certain(
        "stale_weights", seen, f"weightExpirationPeriod is {lasts:g} s, and nothing was reported in that time"
    )
