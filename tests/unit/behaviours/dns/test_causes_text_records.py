"""The rules for which service config is in effect when DNS has one."""

import json

import pytest

from tests.behaviours.dns import causes_text_records as text_records
from tests.behaviours.dns.mutants_text_records import FIVE, FOUR, LONG, TWO
from tests.behaviours.pick_first.mutants import PICK_FIRST_CONFIG
from tests.behaviours.service_config.mutants import INVALID
from tests.harness.causes.case import Sureness
from tests.harness.subject.service_configs import text_record
from tests.unit.helpers.story import FAILS, Story, in_turn, suspects

VALID, BROKEN = text_record({"serviceConfig": TWO}), text_record({"serviceConfig": INVALID})
FORMLESS = json.dumps([{"serviceConfig": TWO}])
CHOICES = text_record({"percentage": 0, "serviceConfig": FOUR}, {"serviceConfig": TWO}, {"serviceConfig": FIVE})


def chosen(*records: str, made: int, asked: bool = True) -> Story:
    """Return a gateway whose name had these records, one after the other, and how many attempts its calls made then."""
    story = Story()
    for number, text in enumerate(records):
        story.verb(1.1 + number / 10, "publish a text record", "name server", text=text)
        if asked:
            story.event(1.15 + number / 10, "dns query", name="_grpc_config.order-service", kind="TXT", answer=[text])
    for number in range(3):
        story.call(2.0 + number, *(FAILS * 2)[:made], code="UNAVAILABLE", plan="UNAVAILABLE")
    return story


@pytest.mark.parametrize(
    ("records", "made", "cause", "why"),
    [
        ((VALID,), 3, "txt_record_ignored", "the gateway's own service config allows"),
        ((text_record({"serviceConfig": LONG}),), 3, "txt_record_ignored", "the gateway's own service config allows"),
        ((FORMLESS,), 2, "txt_record_overrides_config", "the record would allow if it applied"),
        ((CHOICES,), 4, "wrong_txt_choice", "another choice in it allows"),
        ((CHOICES,), 5, "wrong_txt_choice", "another choice in it allows"),
        ((VALID, BROKEN), 3, "txt_config_lost", "the gateway's own service config allows"),
        ((VALID, ""), 2, "stale_txt_config", "the previous record allowed"),
        ((VALID, text_record({"serviceConfig": FIVE})), 2, "stale_txt_config", "the previous record allowed"),
    ],
)
def test_the_number_of_attempts_shows_which_service_config_is_in_effect(
    records: tuple[str, ...], made: int, cause: str, why: str
) -> None:
    """No two of them allow the same number."""
    finding = text_records.other_config(chosen(*records, made=made).case())

    assert suspects(finding) == (cause,)
    assert finding is not None
    assert finding.seen.endswith(f"due under the current record, and the last calls made {made} each, as many as {why}")


@pytest.mark.parametrize(
    ("records", "made"),
    [((VALID,), 2), ((FORMLESS,), 3), ((CHOICES,), 2), ((VALID, BROKEN), 2), ((VALID, ""), 3), ((BROKEN,), 3), ((), 2)],
)
def test_what_is_due_gives_no_reason(records: tuple[str, ...], made: int) -> None:
    """The choice for everybody, the last valid record, or the gateway's own; without a record nothing is found."""
    assert text_records.other_config(chosen(*records, made=made).case()) is None


def test_calls_that_make_different_numbers_of_attempts_show_nothing() -> None:
    """The service config may have changed between them."""
    story = chosen(VALID, made=3).call(9.0, *FAILS[:2], code="UNAVAILABLE", plan="UNAVAILABLE")

    assert text_records.other_config(story.case()) is None


def test_whether_the_record_was_queried_is_reported() -> None:
    """It tells a gateway that does not query from one that discards the answer."""
    asked, unasked = (text_records.other_config(chosen(VALID, made=3, asked=each).case()) for each in (True, False))

    assert asked is not None
    assert unasked is not None
    assert asked.sureness is Sureness.LIKELY
    assert asked.because.endswith("the gateway queried TXT records")
    assert unasked.because.endswith("the gateway queried no TXT record")


def switched(text: str, *served: str) -> Story:
    """Return a gateway whose record changed from a valid one to this, and whom its latest calls went to."""
    story = Story()
    for number, each in enumerate((VALID, text)):
        story.verb(1.1 + number / 10, "publish a text record", "name server", text=each)
    return story.calls(2.0, *served)


def test_a_policy_that_has_not_changed_with_the_record_is_kept() -> None:
    """The record sets pick_first, and calls still rotate."""
    finding = text_records.policy_kept(switched(text_record({"serviceConfig": PICK_FIRST_CONFIG}), *in_turn(12)).case())

    assert suspects(finding) == ("stale_txt_config",)
    assert finding is not None
    assert finding.seen == "the record sets pick_first, and the last 6 attempts were spread 2/2/2"


def test_a_policy_that_has_changed_with_the_record_gives_no_reason() -> None:
    """Calls that end on one replica are right, and so is a rotation where the record has no pick_first."""
    pick_first = text_record({"serviceConfig": PICK_FIRST_CONFIG})

    assert text_records.policy_kept(switched(pick_first, *in_turn(6), *["b"] * 6).case()) is None
    assert text_records.policy_kept(switched(VALID, *in_turn(12)).case()) is None
