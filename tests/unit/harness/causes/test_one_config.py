"""One service config for a run: whole, valid for gRPC, and only where a cause is fixed by one."""

import asyncio
import json
from typing import Any

import pytest

from services.gateway.channel import SERVICE_CONFIG, check_service_config
from tests.harness.causes.one_config import OTHERS, OneConfig, one_config, written
from tests.harness.causes.settings import CAUSES, LANGUAGES
from tests.harness.subject.promises import Promises

METHOD = "inventory.v2.Inventory/Reserve"


def found(*suspects: str, promises: Promises | None = None, language: str = "go", method: str | None = "") -> OneConfig:
    """Return the config that fixes these causes."""
    config = one_config(suspects, promises or Promises(), language, method)
    assert config is not None
    return config


def checked(config: dict[str, Any]) -> None:
    """Have gRPC judge a service config. Raises ServiceConfigError."""
    asyncio.run(check_service_config(written(config)))


def test_two_fragments_become_one_config() -> None:
    """The policy and the retries, which the reference has too."""
    both = found("pick_first", "no_retry_policy", "pick_first")

    assert json.loads(written(both.config)) == SERVICE_CONFIG
    assert both.fixes == ["pick_first", "no_retry_policy"]
    assert both.how.startswith("grpc.NewClient(")


@pytest.mark.parametrize("cause", ["pick_first", "no_retry_policy"])
def test_a_fix_of_one_keeps_what_is_promised_of_the_other(cause: str) -> None:
    """Pasting it loses nothing."""
    assert json.loads(written(found(cause).config)) == SERVICE_CONFIG


def test_a_cause_that_no_config_fixes_gets_none() -> None:
    """Nor does a subject whose library has none."""
    assert one_config(["long_resolution_interval", "channel_per_request"], Promises(), "go", "") is None
    assert one_config(["no_retry_policy"], Promises(), "rust", "") is None
    assert one_config([], Promises(), "go", "") is None


def test_it_names_the_service_that_is_judged() -> None:
    """All of its methods; if every method of every service is judged, all of them."""
    assert found("pick_first", method=METHOD).config["methodConfig"][0]["name"] == [
        {"service": "inventory.v2.Inventory"}
    ]
    assert found("pick_first", method=None).config["methodConfig"][0]["name"] == [{}]


def test_the_health_check_has_the_service_that_is_judged() -> None:
    """Only if its lack is a cause: a service without one would be called all the same, others would not."""
    assert found("no_health_check", method=METHOD).config["healthCheckConfig"] == {
        "serviceName": "inventory.v2.Inventory"
    }
    assert "healthCheckConfig" not in found("pick_first").config


def test_a_timeout_is_set_only_where_its_lack_is_a_cause() -> None:
    """That of C-core fires early, so a deadline of the call is the better one."""
    assert found("config_timeout", promises=Promises(call_timeout=2.5)).config["methodConfig"][0]["timeout"] == "2.5s"
    assert "timeout" not in found("pick_first").config["methodConfig"][0]


def test_what_is_not_promised_is_not_set() -> None:
    """No retries, or retries of the application; then no method has a setting."""
    for promises in (Promises(max_attempts=1), Promises(retries="application"), Promises(retryable_codes=())):
        assert found("pick_first", promises=promises).config == {"loadBalancingConfig": [{"round_robin": {}}]}


def test_waiting_is_set_where_it_is_promised() -> None:
    """And for no other subject, also if that is the cause: it is fixed by its absence."""
    assert found("fails_fast", promises=Promises(wait_for_ready=True)).config["methodConfig"][0]["waitForReady"] is True
    assert "waitForReady" not in found("wait_for_ready").config["methodConfig"][0]


def test_what_no_promise_tells_has_to_be_kept_by_hand() -> None:
    """It is listed, as pasting would lose it."""
    promises = Promises(retry_throttling=True, hedging=True, policy="ring_hash")

    assert found("no_retry_policy").keep == [OTHERS]
    assert [kept.partition(":")[0] for kept in found("no_retry_policy", promises=promises).keep] == [
        "your retryThrottling",
        "your hedgingPolicy",
        "the settings of ring_hash",
        OTHERS.partition(":")[0],
    ]


@pytest.mark.parametrize(
    "promises",
    [
        Promises(),
        Promises(initial_backoff=0.001, max_backoff=0.25, backoff_multiplier=1.6),
        Promises(wait_for_ready=True, policy="weighted_round_robin"),
        Promises(policy="pick_first", max_attempts=5),
    ],
    ids=["default", "fractions", "waits", "pick_first"],
)
def test_grpc_accepts_it(promises: Promises) -> None:
    """C-core judges the whole of it, with every cause that a config fixes."""
    checked(found(*(name for name, cause in CAUSES.items() if cause.config), promises=promises).config)


def test_each_language_has_a_place_for_it() -> None:
    """Or is known to have none."""
    for key in LANGUAGES:
        if key != "any":
            assert (
                one_config(["pick_first"], Promises(), {"c_core": "python"}.get(key, key), "") is None
                or found("pick_first", language={"c_core": "python"}.get(key, key)).how.count("\n") == 0
            )
