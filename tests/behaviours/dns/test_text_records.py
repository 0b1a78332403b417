"""A gateway that takes its service config from the name server goes by the record, by the choice that is for it."""

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
from tests.behaviours.dns.questions import asked_after_a_cut, wait_until_all_serve
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
    pytest.mark.promised("round_robin", "retries"),
    pytest.mark.feature("txt-service-config"),
    pytest.mark.gateway(TXT_SERVICE_CONFIG="true"),
]

VALID = text_record({"serviceConfig": TWO})

SEEN = 0.5
"""Seconds for which a service config is seen to stay in force once another record was answered."""


def attempts(orders: Orders) -> list[int]:
    """Return how many attempts calls that fail UNAVAILABLE make: each service config here allows another number."""
    return [len(trail) for trail in orders.place(3, plan="UNAVAILABLE").trails]


def begin_with_a_valid_record(
    orders: Orders, environment: Environment, dns: Dns, names: list[str], budgets: Budgets
) -> None:
    """Start a gateway that finds a valid record, and wait until every replica serves."""
    dns.publish_txt(VALID)
    environment.fresh_gateway()
    wait_until_all_serve(orders, names, budgets)


def ask_anew(orders: Orders, dns: Dns, names: list[str], budgets: Budgets, *, since: float) -> None:
    """Have the gateway ask its name server anew; AssertionError if it has not asked for the record since then."""
    asked_after_a_cut(orders, dns, names, budgets)
    assert dns.wait_for_txt_query(since, within=budgets.slack), "it has not asked for the text record again"


@pytest.mark.claims("SC-06", source="gRFC A2, Specifying Service Config in DNS TXT Records")
@pytest.mark.catches(IGNORES_TEXT)
@explained_by(causes_text_records.other_config)
def test_a_service_config_in_a_txt_record_is_applied(
    orders: Orders, environment: Environment, dns: Dns, measured: Measured
) -> None:
    """The record's service config replaces the gateway's own, however many strings and bytes it takes."""
    dns.publish_txt(text_record({"serviceConfig": LONG}))
    environment.fresh_gateway()
    made = attempts(orders)
    asked = {query.protocol for query in dns.queries() if query.kind == "TXT"}
    measured(f"attempts {made}, asked by {', '.join(sorted(asked)) or 'nothing'}", bound="2 each")

    assert made == [2, 2, 2]


@pytest.mark.claims("SC-06", source="gRFC A2: a record that does not begin with grpc_config= is none")
@pytest.mark.catches(ACCEPTS_TXT_CONFIG)
@explained_by(causes_text_records.other_config)
def test_a_txt_record_without_the_grpc_config_prefix_is_ignored(
    orders: Orders, environment: Environment, dns: Dns, promises: Promises, measured: Measured
) -> None:
    """Where the record does not begin as gRPC's do, the gateway's own service config is in force."""
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
    """Choices for other languages, other hosts or 0 % of clients are passed over; the first of the rest counts."""
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
    """When the record becomes one that is invalid, the gateway goes on by the last that was not, and no call fails."""
    begin_with_a_valid_record(orders, environment, dns, names, budgets)
    before = attempts(orders)
    ask_anew(orders, dns, names, budgets, since=dns.publish_txt(text_record({"serviceConfig": INVALID})))
    for look in consistently(during=SEEN, what="the last valid service config is in force"):
        with look:
            made, served = attempts(orders), orders.place(len(names))
            measured(f"attempts {before} before, {made} after, failed {len(served.failed)}", bound="2 each, none fails")
            assert before == made == [2, 2, 2]
            assert not served.failed


@pytest.mark.claims("SC-08", source="gRFC A21, Service Config Error Handling: no record at all is no error")
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
    """When there is no record any more, the gateway's own service config is in force again."""
    begin_with_a_valid_record(orders, environment, dns, names, budgets)
    before = attempts(orders)
    ask_anew(orders, dns, names, budgets, since=dns.publish_txt(""))
    for look in eventually(within=budgets.slack, what="the gateway's own service config is in force"):
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
    """When the record changes from round_robin to pick_first, calls go to one replica soon, and none fails."""
    begin_with_a_valid_record(orders, environment, dns, names, budgets)
    with orders.load() as load:
        changed = dns.publish_txt(text_record({"serviceConfig": PICK_FIRST_CONFIG}))
        ask_anew(orders, dns, names, budgets, since=changed)
        for look in eventually(within=budgets.reconnect, what="calls go to one replica"):
            with look:
                latest = {reply.served_by for reply in load.replies[-4 * len(names) :]}
                assert len(latest) == 1
    block = load.block()
    measured(
        f"{len(block.replies)} calls {block.tally}, failed {len(block.failed)}", bound="on one at last, none fails"
    )

    assert not block.failed
