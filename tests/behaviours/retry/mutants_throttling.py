"""Retry throttling that is missing, refills too slowly, or counts the wrong failures."""

from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import Config, throttled

THROTTLED: Config = throttled(10, 1.0)
OTHER_CODES: Config = throttled(8, 1.0)
REFILLED: Config = throttled(4, 1.0)
TOLERATED: Config = throttled(6, 1.0)
"""A ratio of 1 tolerates one failing replica of two or more: one success refills what each of its failures costs."""

WHOLE_RATIO: Config = throttled(10, 1)
"""A ratio without a decimal point, as JSON allows."""

# Each behaviour has a separate config, and so a separate gateway: they share no tokens.

NO_THROTTLING = Mutant(
    "no_throttling",
    "its retries are not throttled",
    variables=config(lambda config, _: config.pop("retryThrottling"), base=THROTTLED),
    base=THROTTLED,
    cause="not_throttled",
)
SLOW_REFILL = Mutant(
    "slow_refill",
    "refills a thousandth of a retry token for each success",
    variables=config(lambda config, _: config["retryThrottling"].update(tokenRatio=0.001), base=REFILLED),
    base=REFILLED,
    cause="retry_throttling",
)
EXAMPLE_RATIO = Mutant(
    "example_ratio",
    "refills a tenth of a retry token for each success, as in the example of gRFC A6",
    variables=config(lambda config, _: config["retryThrottling"].update(tokenRatio=0.1), base=TOLERATED),
    base=TOLERATED,
    cause="retry_throttling",
)
NO_THROTTLING_OF_A_WHOLE_RATIO = Mutant(
    "no_throttling_of_a_whole_ratio",
    "drops retry throttling with an integer tokenRatio",
    variables=config(lambda config, _: config.pop("retryThrottling"), base=WHOLE_RATIO),
    base=WHOLE_RATIO,
    cause="not_throttled",
)
COUNTS_EVERY_FAILURE = Mutant(
    "counts_every_failure",
    "spends a retry token on every failure, regardless of its code",
    gateway="counts_every_failure",
    cause="non_retryable_codes_throttle",
)
