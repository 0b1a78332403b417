"""Gateways that retry in another way than gRPC's defaults do, or not at all."""

from tests.harness.subject.control import Control
from tests.harness.subject.mutant import config

THROTTLED = Control(
    "throttled_retries",
    "stops retrying once calls have failed too often, by the retryThrottling of its service config",
    variables=config(lambda config, _: config.update(retryThrottling={"maxTokens": 10, "tokenRatio": 0.1})),
    promises={"retry_throttling": True},
)
EJECTOR = Control(
    "ejects_outliers",
    "does not call replicas for a while that failed, by outlier detection around round_robin",
    variables=config(
        lambda config, _: config.update(
            loadBalancingConfig=[
                {
                    "outlier_detection_experimental": {
                        "interval": "0.5s",
                        "baseEjectionTime": "0.5s",
                        "failurePercentageEjection": {"minimumHosts": 2, "requestVolume": 5},
                        "childPolicy": [{"round_robin": {}}],
                    }
                }
            ]
        )
    ),
    promises={"ejection": True, "reconnects_within": 1.5},
)
PATIENT = Control(
    "patient_retries",
    "retries after 2.5 s and 3.5 s",
    variables={
        "CALL_TIMEOUT_MS": "10000",
        **config(lambda _, policy: policy.update(initialBackoff="2.5s", maxBackoff="3.5s")),
    },
    promises={"initial_backoff": 2.5, "max_backoff": 3.5, "call_timeout": 10.0},
)
NO_RETRIES = Control(
    "without_retries",
    "does not retry, and does not promise to",
    variables=config(lambda config, _: config.pop("methodConfig")),
    promises={"max_attempts": 1},
)
