"""What a run cost in all, and the bounds of settings: each follows from the promises, or there is none."""

from dataclasses import replace
from typing import Any

import pytest

from tests.harness.price.bill import Priced, bill, setting_words
from tests.harness.price.price import NEW_ADDRESS, OTHER, RETURNED, SILENT, Found, Outage, Price
from tests.harness.subject.keepalive import Keepalive
from tests.harness.subject.promises import Promises

REPLACED = Price(
    calls=1798,
    lost=1779,
    reached=2,
    in_time=297,
    outage=Outage(1.0, 29.7, 1779, 1790, NEW_ADDRESS),
    discovery=Found("order-service-1", 29.6, found=True, after="restart"),
)
QUIET = Price(calls=200, lost=0, reached=0, in_time=0)
RETURN = replace(QUIET, lost=3, reached=3, recovery=Found("order-service-2", 2.5, found=True, after="start"))


def billed(*prices: Price, promises: Promises | None = None, language: str = "go", method: str = "") -> dict[str, Any]:
    """Return the bill of behaviours that cost this, and hold."""
    priced = [Priced(f"t.py::test_{number}[x]", "x", "conformant", one.members()) for number, one in enumerate(prices)]
    found = bill(priced, promises or Promises(), language, method)
    assert found is not None
    return found


def item(found: dict[str, Any], what: str) -> dict[str, Any]:
    """Return one item of a bill."""
    return next(one for one in found["items"] if one["what"] == what)


def bounds(found: dict[str, Any], what: str) -> dict[str, float | None]:
    """Return the bound of each setting of an item."""
    return {setting["name"]: setting["bound"] for setting in item(found, what)["settings"]}


def test_the_worst_of_all_behaviours_counts_and_the_lost_calls_of_all() -> None:
    """Each figure names the behaviour in which it was."""
    found = billed(RETURN, REPLACED, QUIET)

    assert (found["calls"], found["lost"]) == (2198, 1782)
    assert [(one["what"], one["behaviour"], one["seconds"]) for one in found["items"]] == [
        ("calls lost", "t.py::test_1[x]", None),
        ("worst outage", "t.py::test_1[x]", 29.7),
        ("slowest discovery", "t.py::test_1[x]", 29.6),
        ("slowest recovery", "t.py::test_0[x]", 2.5),
    ]
    assert item(found, "calls lost")["words"] == (
        "1,782 of 2,198 that a replica could have served; 1,779 of 1,798 in one behaviour"
    )


def test_the_words_of_an_outage_are_its_figures() -> None:
    """What on-call engineers know it by."""
    assert item(billed(REPLACED), "worst outage")["words"] == (
        "29.7 s until replicas at new addresses were found, although a replica could serve: "
        "1,779 of 1,790 calls failed, 11 waited or were served in between"
    )


def test_where_nothing_was_lost_there_is_nothing_to_list() -> None:
    """The number of calls stands for itself."""
    assert billed(QUIET) == {"calls": 200, "lost": 0, "unknown": {}, "items": []}
    assert bill([], Promises(), "go") is None


def test_a_new_address_is_found_within_the_interval_and_the_promise_to_connect() -> None:
    """With an interval of 1 s: 1 s, and the promised 5 s."""
    (setting,) = item(billed(REPLACED), "slowest discovery")["settings"]

    assert (setting["bound"], setting["unit"]) == (6.0, "seconds")
    assert setting_words(setting).startswith(
        "at most 6.0 s with a minimum re-resolution interval of 1 s (that and the promised 5 s to connect; "
        "30 s are promised now): dns.SetMinResolutionInterval(d)"
    )


@pytest.mark.parametrize(
    ("promises", "seconds"), [(Promises(min_resolution_interval=1.0), 29.0), (Promises(), 5.9)], ids=["short", "fast"]
)
def test_no_setting_is_offered_that_would_not_lower_the_figure(promises: Promises, seconds: float) -> None:
    """The interval is that short already, or it took less than the bound."""
    outage = Outage(1.0, seconds, 10, 10, NEW_ADDRESS)

    assert bounds(billed(replace(REPLACED, outage=outage), promises=promises), "worst outage") == {}


def test_a_returned_replica_is_connected_within_the_backoff() -> None:
    """One of at most 1 s, with a jitter of a fifth."""
    assert bounds(billed(RETURN), "slowest recovery") == {"a longest reconnect backoff of 1 s": 1.2}
    assert bounds(billed(RETURN, promises=Promises(reconnects_within=1.0)), "slowest recovery") == {}


@pytest.mark.parametrize(
    ("language", "begins"), [("java", "no setting"), ("dotnet", "not configurable"), ("rust", "tonic")]
)
def test_a_library_without_the_setting_gets_no_bound(language: str, begins: str) -> None:
    """It is shown that there is none."""
    what = "slowest recovery" if language == "java" else "slowest discovery"
    (setting,) = item(billed(REPLACED, RETURN, language=language), what)["settings"]

    assert setting["bound"] is None
    assert setting["how"].startswith(begins)
    assert "at most" not in setting_words(setting)


def test_waiting_saves_at_most_the_calls_whose_deadline_came_later() -> None:
    """Of 1,779 that were lost 297 could have been served; the others are lost all the same."""
    assert bounds(billed(REPLACED), "calls lost") == {"wait_for_ready": 1482}
    assert bounds(billed(REPLACED, promises=Promises(wait_for_ready=True)), "calls lost") == {}


def test_retries_save_at_most_the_calls_that_reached_a_replica() -> None:
    """They are offered to a gateway without any."""
    assert bounds(billed(REPLACED, promises=Promises(max_attempts=1)), "calls lost")["retries"] == 1777


def test_keepalive_is_offered_for_a_silent_replica_without_a_bound() -> None:
    """What it takes is the sum of two times that nobody has chosen yet."""
    silent = replace(QUIET, lost=5, outage=Outage(1.0, 4.0, 5, 5, SILENT))

    assert bounds(billed(silent, promises=Promises(keepalive=Keepalive(time=0, timeout=1))), "worst outage") == {
        "keepalive": None
    }
    assert bounds(billed(silent, promises=Promises(keepalive=Keepalive(time=10, timeout=1))), "worst outage") == {}


def test_a_connection_age_is_offered_for_an_added_replica() -> None:
    """It gives a client that does not poll a reason to re-resolve."""
    added = replace(QUIET, discovery=Found("d", 0.3, found=True, after="scale"))

    assert bounds(billed(added), "slowest discovery") == {"a maximum connection age": None}
    assert bounds(billed(added, promises=Promises(refresh_interval=10.0)), "slowest discovery") == {}


@pytest.mark.parametrize("waited_for", [OTHER, NEW_ADDRESS, RETURNED, SILENT])
def test_calls_that_waited_are_an_outage_without_a_loss(waited_for: str) -> None:
    """The words do not claim that one failed."""
    held = replace(QUIET, outage=Outage(1.0, 2.5, 0, 40, waited_for))

    assert item(billed(held), "worst outage")["words"].endswith("could serve: 40 waited or were served in between")


def test_a_replica_that_was_never_found_took_longer() -> None:
    """The words claim no more than that."""
    lost = replace(QUIET, recovery=Found("b", 7.0, found=False, after="resume"))

    assert item(billed(lost), "slowest recovery")["words"] == (
        "more than 7.0 s: b, back at its address after a pause, got no connection and no call"
    )


def test_a_setting_names_the_method_that_is_judged() -> None:
    """Not the order service's."""
    found = billed(REPLACED, promises=Promises(max_attempts=1), method="inventory.v2.Inventory/Reserve")

    assert "inventory.v2.Inventory" in item(found, "calls lost")["settings"][0]["how"]


def test_a_price_that_could_not_be_worked_out_is_named() -> None:
    """It counts for nothing else."""
    found = bill([Priced("t.py::test_x[x]", "x", "conformant", {"unknown": "KeyError('at')"})], Promises(), "")

    assert found == {"calls": 0, "lost": 0, "unknown": {"t.py::test_x[x]": "KeyError('at')"}, "items": []}
