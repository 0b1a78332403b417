"""What a service config asks for."""

import pytest

from tests.harness.subject.service_configs import about_method, attempts_of, balanced_by, policy_of, written


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (written(balanced_by("ring_hash_experimental", minRingSize=8)), "ring_hash_experimental"),
        ('{"loadBalancingConfig":[{"weighted_round_robin":{}},{"round_robin":{}}]}', "weighted_round_robin"),
        ('{"loadBalancingConfig":[{"no_such_policy":{}},{"round_robin":{}}]}', "round_robin"),
        ('{"loadBalancingConfig":[{"no_such_policy":{}}]}', ""),
        ('{"loadBalancingPolicy":"ROUND_ROBIN"}', "round_robin"),
        ("{}", "pick_first"),
        ("", ""),
        ("[]", ""),
        ('{"loadBalancingConfig":3}', ""),
        ('{"loadBalancingConfig":[{}]}', ""),
    ],
)
def test_the_policy_of_a_service_config(text: str, policy: str) -> None:
    """The first one that is listed and there is, pick_first where none is, nothing for what is no service config."""
    assert policy_of(text) == policy


@pytest.mark.parametrize(
    ("names", "attempts"),
    [
        ([{"service": "order.OrderService"}], 4),
        ([{}], 4),
        ([{"service": ""}], 4),
        ([{"service": "order.OrderService", "method": "GetOrder"}], 4),
        ([{"service": "order.OrderService", "method": "Other"}], 1),
        ([{"service": "OrderService"}], 1),
        ([{"service": "OrderService"}, {}], 4),
        ([], 1),
    ],
)
def test_the_attempts_of_a_name(names: list[dict[str, str]], attempts: int) -> None:
    """A policy counts if one of its names matches the method that is called."""
    assert attempts_of(written({"methodConfig": [{"name": names, "retryPolicy": {"maxAttempts": 4}}]})) == attempts


@pytest.mark.parametrize("text", ["", "[]", "3", '{"methodConfig":[3]}', '{"methodConfig":[{"name":[{}]}]}'])
def test_without_a_policy_there_is_one_attempt(text: str) -> None:
    """Whether a text is a service config without retry policy, or none at all."""
    assert attempts_of(text) == 1


def test_the_most_specific_name_decides() -> None:
    """Whatever the order in which the names stand."""
    service = {"service": "order.OrderService"}
    methods = [
        {"name": [name], "retryPolicy": {"maxAttempts": attempts}}
        for attempts, name in ((4, service), (2, {**service, "method": "GetOrder"}), (5, {}))
    ]

    assert attempts_of(written({"methodConfig": methods})) == 2
    assert attempts_of(written({"methodConfig": methods[::-1]})) == 2
    assert attempts_of(written({"methodConfig": [methods[2], methods[0]]})) == 4


def test_a_config_is_about_the_method_that_is_judged() -> None:
    """Behaviours write it for the order service; names of other services and methods stay."""
    text = '{"name": [{"service": "order.OrderService", "method": "GetOrder"}, {"service": "order.OtherService"}]}'
    own = '{"name": [{"service": "a.v1.B", "method": "C"}, {"service": "order.OtherService"}]}'

    assert about_method(text, "a.v1.B/C") == own
    assert about_method(own, "a.v1.B/C") == own
    assert about_method(text, "") == text
