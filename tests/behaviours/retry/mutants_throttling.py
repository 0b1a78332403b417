"""Retry throttling that is not there, that refills too slowly, or that counts what it must not."""

from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import Config, throttled

THROTTLED: Config = throttled(10, 1.0)
OTHER_CODES: Config = throttled(8, 1.0)
REFILLED: Config = throttled(4, 1.0)
BORNE: Config = throttled(6, 1.0)
"""A ratio of 1 bears one failing replica of two or more: each of its failures is made good by one success."""

WHOLE_RATIO: Config = throttled(10, 1)
"""A ratio that is written without a decimal point, as JSON allows."""

# Each behaviour has a config of its own, and so a gateway of its own: what one does to the tokens is no other's.

NO_THROTTLING = Mutant(
    "no_throttling",
    "its retries are not throttled",
    variables=config(lambda config, _: config.pop("retryThrottling"), base=THROTTLED),
    base=THROTTLED,
    cause="not_throttled",
)
SLOW_REFILL = Mutant(
    "slow_refill",
    "gives a thousandth of a retry token back for each success",
    variables=config(lambda config, _: config["retryThrottling"].update(tokenRatio=0.001), base=REFILLED),
    base=REFILLED,
    cause="retry_throttling",
)
EXAMPLE_RATIO = Mutant(
    "example_ratio",
    "gives a tenth of a retry token back for each success, as in the example of gRFC A6",
    variables=config(lambda config, _: config["retryThrottling"].update(tokenRatio=0.1), base=BORNE),
    base=BORNE,
    cause="retry_throttling",
)
NO_THROTTLING_OF_A_WHOLE_RATIO = Mutant(
    "no_throttling_of_a_whole_ratio",
    "leaves out retry throttling whose ratio is a whole number",
    variables=config(lambda config, _: config.pop("retryThrottling"), base=WHOLE_RATIO),
    base=WHOLE_RATIO,
    cause="not_throttled",
)
COUNTS_EVERY_FAILURE = Mutant(
    "counts_every_failure",
    "takes a retry token for every failure, whatever its code",
    gateway="counts_every_failure",
    cause="non_retryable_codes_throttle",
)
