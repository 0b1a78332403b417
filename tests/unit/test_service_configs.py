"""What a service config asks for."""

import pytest

from tests.harness.service_configs import balanced_by, policy_of, written


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (written(balanced_by("ring_hash_experimental", minRingSize=8)), "ring_hash_experimental"),
        ('{"loadBalancingConfig":[{"weighted_round_robin":{}},{"round_robin":{}}]}', "weighted_round_robin"),
        ('{"loadBalancingPolicy":"ROUND_ROBIN"}', "round_robin"),
        ("{}", "pick_first"),
        ("", ""),
        ("[]", ""),
        ('{"loadBalancingConfig":3}', ""),
        ('{"loadBalancingConfig":[{}]}', ""),
    ],
)
def test_the_policy_of_a_service_config(text: str, policy: str) -> None:
    """The first one that is listed, pick_first where none is, nothing for what is no service config."""
    assert policy_of(text) == policy
