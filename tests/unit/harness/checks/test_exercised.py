"""What a gateway was seen to do, by synthetic histories."""

import pytest

from tests.harness.checks.exercised import CONFIGURED, KINDS, NOTHING, exercised
from tests.harness.plugin.applying import functions
from tests.unit.helpers.story import Story


def test_a_gateway_that_only_serves_has_done_nothing_of_it() -> None:
    """It queried its name once, and each call had one attempt."""
    assert exercised(Story().asked(0.4).calls(1.1, "a", "b", "c").case()) == {
        CONFIGURED: False,
        **dict.fromkeys(KINDS, False),
    }


def test_a_failed_attempt_and_another_one_are_a_retry() -> None:
    """Also of a connection that was cut; not of a hedged call, whose first attempt is answered OK."""
    assert exercised(Story().call(1.1, "a:UNAVAILABLE", "b").case())["retries"]
    assert exercised(Story().call(1.1, "a:HANG", "b").case())["retries"]
    assert not exercised(Story().call(1.1, "a:UNAVAILABLE", code="UNAVAILABLE").case())["retries"]
    assert not exercised(Story().call(1.1, "a", "b").case())["retries"]


def test_a_query_after_the_first_resolution_is_another_one() -> None:
    """Several within it are not, and of a gateway that was there before any query is."""
    assert not exercised(Story().asked(0.4).asked(0.41).case())["re-resolves"]
    assert exercised(Story().asked(0.4).asked(3.0).case())["re-resolves"]
    assert exercised(Story(fresh=False).asked(3.0).case())["re-resolves"]
    assert not exercised(Story(fresh=False).asked(0.4).case())["re-resolves"]


def test_what_the_environment_cannot_show_is_absent() -> None:
    """The name server is not ours."""
    assert "re-resolves" not in exercised(Story(names_ours=False).case())


def test_a_new_address_is_found_once_a_connection_comes() -> None:
    """A replica moved."""
    moved = Story().verb(2.0, "kill", "a").verb(3.0, "start", "a", moved=True)

    assert not exercised(moved.case())["finds new addresses"]
    assert exercised(moved.connected(3.5, "a", "p").case())["finds new addresses"]


@pytest.mark.parametrize(("by", "watches"), [("Watch", True), ("Check", False)])
def test_health_is_watched_by_a_watch(by: str, *, watches: bool) -> None:
    """A check of the application's is another thing."""
    story = Story().event(1.2, "replica health_asked", replica="a", peer="p", service="", by=by)

    assert exercised(story.case())["watches health"] is watches


def test_what_a_behaviour_configured_is_noted() -> None:
    """It shows nothing about the gateway's own configuration."""
    assert exercised(Story(gateway_variables={"GRPC_SERVICE_CONFIG": "{}"}).case())[CONFIGURED]


def test_behaviours_about_what_does_not_happen_name_what_has_to() -> None:
    """By kinds that are known and have words, and each kind is named by one."""
    named = [mark.args for function in functions() for mark in function.marks if mark.name == "vacuous_without"]

    assert {kind for kinds in named for kind in kinds} == set(KINDS) == set(NOTHING)
