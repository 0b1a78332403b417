"""Retry throttling that is not there, that refills too slowly, or that counts what it must not."""

from tests.harness.service_configs import Config, throttled
from tests.mutants.mutant import Mutant, config

TOKENS = 10

THROTTLED: Config = throttled(TOKENS, 1.0)
"""A ratio of 1 bears one failing replica of two or more: each of its failures is made good by one success."""

WHOLE_RATIO: Config = throttled(TOKENS, 1)
"""The same, with a ratio that is written without a decimal point, as JSON allows."""

NO_THROTTLING = Mutant(
    "no_throttling",
    "its retries are not throttled",
    variables=config(lambda config, _: config.pop("retryThrottling"), base=THROTTLED),
    base=THROTTLED,
    cause="not_throttled",
)
LOW_TOKEN_RATIO = Mutant(
    "low_token_ratio",
    "refills its retry tokens by a tenth for each success, as the example in gRFC A6 does",
    variables=config(lambda config, _: config["retryThrottling"].update(tokenRatio=0.1), base=THROTTLED),
    base=THROTTLED,
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
    cause="other_codes_throttle",
)
