"""Weights that do not follow the load reports of the replicas."""

from tests.harness.subject.mutant import Mutant, policy_settings, round_robin
from tests.harness.subject.service_configs import Config, balanced_by

POLICY = "weighted_round_robin"


def weighted(**settings: object) -> Config:
    """Return a config whose weights are updated as often as possible and used immediately, but for these settings."""
    defaults = {"weightUpdatePeriod": "0.1s", "blackoutPeriod": "0s", "errorUtilizationPenalty": 1.0}
    return balanced_by(POLICY, **{**defaults, **settings})


WEIGHTS = weighted()
LONG_BLACKOUT = weighted(blackoutPeriod="30s")
NAMED = weighted(metricNamesForComputingUtilization=["named_metrics.queue"])
RARE = weighted(weightUpdatePeriod="30s", blackoutPeriod="0.8s")
EXPIRING = weighted(blackoutPeriod="0.8s", weightExpirationPeriod="0.7s")


PLAIN_ROUND_ROBIN = Mutant(
    "plain_round_robin",
    "uses round_robin instead of weighted_round_robin",
    variables=round_robin(WEIGHTS),
    base=WEIGHTS,
    cause="not_weighted",
)
NO_BLACKOUT = Mutant(
    "no_blackout",
    "uses the first load reports immediately, despite its blackoutPeriod",
    variables=policy_settings(LONG_BLACKOUT, blackoutPeriod="0s"),
    base=LONG_BLACKOUT,
    cause="no_blackout",
)
NO_PENALTY = Mutant(
    "no_penalty",
    "ignores the error rate of a replica in its weight",
    variables=policy_settings(WEIGHTS, errorUtilizationPenalty=0.0),
    base=WEIGHTS,
    cause="no_error_penalty",
)
KEEPS_WEIGHTS = Mutant(
    "keeps_weights",
    "keeps weights for a minute without new load reports",
    variables=policy_settings(EXPIRING, weightExpirationPeriod="60s"),
    base=EXPIRING,
    cause="stale_weights",
)
NO_NAMED_METRICS = Mutant(
    "no_named_metrics",
    "ignores the metrics that its service config names",
    variables=policy_settings(NAMED, metricNamesForComputingUtilization=[]),
    base=NAMED,
    cause="no_named_metrics",
)
WEIGHTS_TOO_OFTEN = Mutant(
    "weights_too_often",
    "updates weights ten times a second, despite its weightUpdatePeriod",
    variables=policy_settings(RARE, weightUpdatePeriod="0.1s"),
    base=RARE,
    cause="weights_updated_too_often",
)
