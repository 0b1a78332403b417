"""A gateway that takes its service config from DNS applies the matching choice of the TXT record."""

import json

import pytest

from tests.behaviours.dns import causes_text_records
from tests.behaviours.dns.mutants import ACCEPTS_TXT_CONFIG
from tests.behaviours.dns.mutants_text_records import (
    FIRST_CHOICE,
    FIVE,
    FORGETS_TEXT,
    FOUR,
    IGNORES_TEXT,
    KEEPS_TEXT,
    LONG,
    TWO,
)
from tests.behaviours.dns.shared import query_after_a_cut, wait_until_all_serve
from tests.behaviours.pick_first.mutants import PICK_FIRST_CONFIG
from tests.behaviours.service_config.mutants import INVALID
from tests.harness.behaviour import (
    Budgets,
    Dns,
    Environment,
    Measured,
    Orders,
    Promises,
    consistently,
    eventually,
    explained_by,
    text_record,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.promised("round_robin", "retries", "no application retries", "no hedging"),
    pytest.mark.feature("txt-service-config"),
    pytest.mark.gateway(TXT_SERVICE_CONFIG="true"),
]

VALID = text_record({"serviceConfig": TWO})

SEEN = 0.5
"""Seconds for which a service config is observed to stay in force after the answer with another record."""


def attempts(orders: Orders) -> list[int]:
    """Return how many attempts calls make that fail UNAVAILABLE: each service config here allows a different number."""
    return [len(trail) for trail in orders.place(3, plan="UNAVAILABLE").trails]


def begin_with_a_valid_record(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets
) -> None:
    """Start a gateway that finds a valid record, and wait until every replica serves."""
    dns.publish_txt(VALID)
    environment.fresh_gateway()
    wait_until_all_serve(orders, names, budgets)


def re_resolve(orders: Orders, dns: Dns, names: list[str], budgets: Budgets, *, since: float) -> None:
    """Make the gateway re-resolve. Raises AssertionError if it has not queried the TXT record since then."""
    query_after_a_cut(orders, dns, names, budgets)
    assert dns.wait_for_txt_query(since, within=budgets.slack), "it has not queried the TXT record again"


@pytest.mark.claims("SC-06", source="gRFC A2, Specifying Service Config in DNS TXT Records")
@pytest.mark.catches(IGNORES_TEXT)
@explained_by(causes_text_records.other_config)
def test_a_service_config_in_a_txt_record_is_applied(
    orders: Orders, environment: Environment, dns: Dns, measured: Measured
) -> None:
    """The service config of a TXT record replaces the local one, however many strings and bytes it takes."""
    dns.publish_txt(text_record({"serviceConfig": LONG}))
    environment.fresh_gateway()
    made = attempts(orders)
    protocols = {query.protocol for query in dns.queries() if query.kind == "TXT"}
    measured(f"attempts {made}, TXT queries over {', '.join(sorted(protocols)) or 'nothing'}", bound="2 each")

    assert made == [2, 2, 2]


@pytest.mark.claims("SC-06", source="gRFC A2: a record without the prefix grpc_config= is ignored")
@pytest.mark.catches(ACCEPTS_TXT_CONFIG)
@explained_by(causes_text_records.other_config)
def test_a_txt_record_without_the_grpc_config_prefix_is_ignored(
    orders: Orders, environment: Environment, dns: Dns, promises: Promises, measured: Measured
) -> None:
    """While the TXT record does not start with grpc_config=, the local service config is in force."""
    dns.publish_txt(json.dumps([{"serviceConfig": TWO}]))
    environment.fresh_gateway()
    made = attempts(orders)
    measured(f"attempts {made}", bound=f"{promises.max_attempts} each")

    assert made == [promises.max_attempts] * 3


@pytest.mark.claims("SC-07", source="gRFC A2, Canarying Changes")
@pytest.mark.catches(FIRST_CHOICE)
@explained_by(causes_text_records.other_config)
def test_the_first_matching_choice_in_a_txt_record_is_applied(
    orders: Orders, environment: Environment, dns: Dns, measured: Measured
) -> None:
    """Choices for other languages, other hosts or 0 % of clients are skipped; the first of the rest is applied."""
    record = text_record(
        {"percentage": 0, "serviceConfig": FOUR},
        {"clientLanguage": ["no-such-language"], "serviceConfig": FOUR},
        {"clientHostname": ["no.such.host"], "serviceConfig": FOUR},
        {"percentage": 100, "serviceConfig": TWO},
        {"serviceConfig": FIVE},
    )
    dns.publish_txt(record)
    environment.fresh_gateway()
    made = attempts(orders)
    measured(f"attempts {made}", bound="2 each")

    assert made == [2, 2, 2]


@pytest.mark.claims("SC-08", "F47", source="gRFC A21, Service Config Error Handling: the last valid one is kept")
@pytest.mark.catches(FORGETS_TEXT)
@explained_by(causes_text_records.other_config)
def test_an_invalid_txt_record_leaves_the_last_valid_config_in_force(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """When the TXT record becomes invalid, the last valid service config stays in force, and no call fails."""
    begin_with_a_valid_record(orders, environment, dns, names, budgets)
    before = attempts(orders)
    re_resolve(orders, dns, names, budgets, since=dns.publish_txt(text_record({"serviceConfig": INVALID})))
    for look in consistently(during=SEEN, what="the last valid service config is in force"):
        with look:
            made, served = attempts(orders), orders.place(len(names))
            measured(
                f"attempts {before} before, {made} after, {len(served.failed)} calls failed",
                bound="2 each, no failures",
            )
            assert before == made == [2, 2, 2]
            assert not served.failed


@pytest.mark.claims("SC-08", source="gRFC A21, Service Config Error Handling: the lack of a record is not an error")
@pytest.mark.catches(KEEPS_TEXT)
@explained_by(causes_text_records.other_config)
def test_a_removed_txt_record_restores_the_local_service_config(
    orders: Orders,
    environment: Environment,
    dns: Dns,
    names: list[str],
    promises: Promises,
    budgets: Budgets,
    measured: Measured,
) -> None:
    """After the TXT record is removed, the local service config is in force again."""
    begin_with_a_valid_record(orders, environment, dns, names, budgets)
    before = attempts(orders)
    re_resolve(orders, dns, names, budgets, since=dns.publish_txt(""))
    for look in eventually(within=budgets.slack, what="the local service config is in force"):
        with look:
            made = attempts(orders)
            measured(f"attempts {before} before, {made} after", bound=f"2 each, then {promises.max_attempts} each")
            assert made == [promises.max_attempts] * 3
    assert before == [2, 2, 2]


@pytest.mark.claims(
    "SC-09", source="gRFC A24; gRPC C-core child_policy_handler.cc: the old policy until the new is ready"
)
@pytest.mark.catches(KEEPS_TEXT)
@explained_by(causes_text_records.policy_kept)
def test_a_policy_change_in_a_txt_record_fails_no_calls(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """When the TXT record changes from round_robin to pick_first, calls soon go to one replica, and none fails."""
    begin_with_a_valid_record(orders, environment, dns, names, budgets)
    with orders.load() as load:
        changed = dns.publish_txt(text_record({"serviceConfig": PICK_FIRST_CONFIG}))
        re_resolve(orders, dns, names, budgets, since=changed)
        for look in eventually(within=budgets.reconnect, what="calls go to one replica"):
            with look:
                latest = {reply.served_by for reply in load.replies[-4 * len(names) :]}
                assert len(latest) == 1
    block = load.block()
    measured(
        f"{len(block.replies)} calls {block.tally}, {len(block.failed)} failed",
        bound="all on one replica at the end, no failures",
    )

    assert not block.failed
