"""A behaviour's name in words, as reports and pages print it."""

import re

import pytest

from tests.harness.commands.catalogue import behaviours
from tests.harness.report.spelling import SPELLINGS
from tests.harness.report.wording import words


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("test_calls_go_round", "calls go round"),
        ("test_a_failing_dns_server_fails_no_calls", "a failing DNS server fails no calls"),
        ("test_wait_for_ready_false_wins", "wait_for_ready=false wins"),
        ("test_the_goaways_last_stream", "the GOAWAY's last stream"),
        ("test_a_client_re_resolves", "a client re-resolves"),
        ("test_windnsor", "windnsor"),
    ],
)
def test_names_are_spelt_as_the_field_spells_them(name: str, spelt: str) -> None:
    """Whole words only, and the longest that is known."""
    assert words(name) == spelt


def test_a_parameter_follows_the_words() -> None:
    """After a colon, as it is."""
    assert words("test_a_non_retryable_code_is_not_retried[ABORTED]") == "a non-retryable code is not retried: ABORTED"


def test_every_spelling_is_some_behaviours() -> None:
    """One that no name needs would lie in wait for the next name."""
    names = [behaviour.name.replace("_", " ") for behaviour in behaviours()]

    assert [term for term in SPELLINGS if not any(re.search(rf"\b{term}\b", name) for name in names)] == []
