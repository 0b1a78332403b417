"""Outlier detection that ejects no replica, too many, or for too short a time."""

from tests.harness.judges.outliers import INTERVAL, VOLUME
from tests.harness.subject.mutant import Mutant, policy_settings
from tests.harness.subject.service_configs import Config, balanced_by

POLICY, COUNTED, SUCCESS = "outlier_detection_experimental", "failurePercentageEjection", "successRateEjection"

# Each behaviour has a separate config, and so a separate gateway: ejections of one do not affect another.


def watched(failures: dict[str, object] | None = None, **settings: object) -> Config:
    """
    Return a config that permanently ejects a replica when more than half of its calls fail, checked every `INTERVAL`.

    `failures` are settings of the failure percentage, the others are settings of the policy.
    """
    percentage = {"threshold": 50, "enforcementPercentage": 100, "minimumHosts": 2, "requestVolume": 1}
    policy = {
        "interval": f"{INTERVAL}s",
        "baseEjectionTime": "60s",
        "maxEjectionTime": "300s",
        "maxEjectionPercent": 50,
    }
    counted = {COUNTED: {**percentage, **(failures or {})}}
    return balanced_by(POLICY, **{**policy, **counted, "childPolicy": [{"round_robin": {}}], **settings})


def by_success_rate(**settings: object) -> Config:
    """Return a config that permanently ejects a replica whose success rate is far below that of the others."""
    rate = {"stdevFactor": 500, "enforcementPercentage": 100, "minimumHosts": 2, "requestVolume": 1, **settings}
    (policy,) = watched()["loadBalancingConfig"]
    others = {key: value for key, value in policy[POLICY].items() if key != COUNTED}
    return balanced_by(POLICY, **{**others, SUCCESS: rate})


EJECTING = watched()
BY_SUCCESS = by_success_rate()
PICKING_FIRST = watched(childPolicy=[{"pick_first": {}}])
RETURNING = watched({"requestVolume": VOLUME}, baseEjectionTime="0.6s")
CAPPED = watched({"requestVolume": VOLUME}, baseEjectionTime="0.6s", maxEjectionTime="0.9s")
CONNECTED = watched(baseEjectionTime="0.6s", maxEjectionTime="60s")
LIMITED = watched(maxEjectionPercent=30)
UNENFORCED = watched({"enforcementPercentage": 0})

TOO_FEW_HOSTS = Mutant(
    "too_few_hosts",
    "detects outliers only among a hundred replicas or more",
    variables=policy_settings(EJECTING, COUNTED, minimumHosts=100),
    base=EJECTING,
    cause="not_ejected",
)
CONSTANT_EJECTION = Mutant(
    "constant_ejection",
    "ejects a replica for the same time on every ejection",
    variables=policy_settings(RETURNING, maxEjectionTime="0.6s"),
    base=RETURNING,
    cause="constant_ejection_time",
)
UNCAPPED_EJECTION = Mutant(
    "uncapped_ejection",
    "ejects a replica for longer each time, beyond maxEjectionTime",
    variables=policy_settings(CAPPED, maxEjectionTime="60s"),
    base=CAPPED,
    cause="uncapped_ejection_time",
)
NO_LIMIT = Mutant(
    "no_limit",
    "ejects every outlier, however few replicas remain",
    variables=policy_settings(LIMITED, maxEjectionPercent=100),
    base=LIMITED,
    cause="ejects_too_many",
)
ENFORCED = Mutant(
    "enforced",
    "ejects outliers although enforcement is 0 %",
    variables=policy_settings(UNENFORCED, COUNTED, enforcementPercentage=100),
    base=UNENFORCED,
    cause="ejects_when_disabled",
)
DROPS_OUTLIERS = Mutant(
    "drops_outliers",
    "closes the connection of an ejected replica",
    gateway="drops_outliers",
    cause="connection_dropped",
)
TOLERANT = Mutant(
    "tolerant",
    "ejects only replicas whose success rate is five standard deviations below the mean",
    variables=policy_settings(BY_SUCCESS, SUCCESS, stdevFactor=5000),
    base=BY_SUCCESS,
    cause="not_ejected",
)
ROUND_ROBIN_CHILD = Mutant(
    "round_robin_child",
    "uses round_robin instead of pick_first as the child policy of outlier detection",
    variables=policy_settings(PICKING_FIRST, childPolicy=[{"round_robin": {}}]),
    base=PICKING_FIRST,
    cause="not_pick_first",
)
