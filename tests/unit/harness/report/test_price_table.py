"""What a run cost, as terminal, page, report.json and junit.xml show it; each from the same figures."""

from pathlib import Path

import pytest

from tests.harness.price.price import NEW_ADDRESS, Found, Outage, Price
from tests.harness.report.price_table import price_table
from tests.harness.report.report_json import document
from tests.harness.subject.subject import Subject
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.page import HOSTILE, page_of, text_of
from tests.unit.helpers.saved_report import result, save

WIDTH = 100
REPLACED = "test_a_fully_replaced_fleet_is_found"
COST = Price(
    calls=1798,
    lost=1779,
    reached=0,
    in_time=297,
    outage=Outage(1.0, 29.7, 1779, 1790, NEW_ADDRESS),
    discovery=Found("order-service-1", 29.6, found=True, after="restart"),
).members()


def bill(tmp_path: Path, *results: object) -> object:
    """Return the price of a run with these results."""
    return document(Subject(name="x", folder=tmp_path, language="go"), results, {})["price"]  # type: ignore[arg-type]


def test_the_table_has_a_figure_its_behaviour_and_what_would_lower_it(tmp_path: Path) -> None:
    """Also of a behaviour that holds."""
    table = price_table(bill(tmp_path, result(REPLACED, price=COST), result("test_other")), WIDTH)  # type: ignore[arg-type]

    assert table.splitlines()[1:4] == [
        "What it costs, even where it holds:",
        "    calls lost: 1,779 of 1,798 that a replica could have served",
        "      in: a fully replaced fleet is found (holds)",
    ]
    assert "worst outage: 29.7 s until replicas at new addresses were found" in table
    assert "change: at most 6.0 s with a minimum re-resolution interval of 1 s" in table
    assert all(len(line) <= WIDTH for line in table.splitlines())


def test_a_run_that_lost_nothing_shows_of_how_many(tmp_path: Path) -> None:
    """It is not left out, as then nothing would have been counted."""
    quiet = Price(calls=200, lost=0, reached=0, in_time=0).members()

    assert "calls lost: none of 200 that a replica could have served" in price_table(
        bill(tmp_path, result(price=quiet)),  # type: ignore[arg-type]
        WIDTH,
    )


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.CONFORMANT])
def test_what_could_not_be_judged_costs_nothing(tmp_path: Path, verdict: Verdict) -> None:
    """Its machine may have been too busy."""
    assert (bill(tmp_path, result(price=COST, verdict=verdict)) is None) == (verdict is Verdict.INCONCLUSIVE)


def test_a_run_without_figures_has_no_section(tmp_path: Path) -> None:
    """Nor has one of an older report."""
    folder = save(tmp_path, [result()])

    assert price_table(bill(tmp_path, result()), WIDTH) == ""  # type: ignore[arg-type]
    assert 'id="price"' not in text_of(folder)


def test_the_page_links_each_figure_with_its_behaviour(tmp_path: Path) -> None:
    """The section stands before the list of all behaviours."""
    page = page_of(save(tmp_path, [result(REPLACED, price=COST)]))
    (card,) = [name for name in page.all("id") if name.endswith("a-fully-replaced-fleet-is-found")]

    assert "worst outage29.7 s until replicas at new addresses were found" in page.words.replace("\n", "")
    assert page.all("href").count(f"#{card}") > 3
    assert "#price" in page.all("href")


def test_a_price_that_is_not_known_is_shown(tmp_path: Path) -> None:
    """It is a bug of the suite, which people report."""
    unknown = result(price={"unknown": "KeyError('at')"})

    assert "KeyError('at')" in price_table(bill(tmp_path, unknown), WIDTH)  # type: ignore[arg-type]
    assert "KeyError('at')" in page_of(save(tmp_path, [unknown])).words


def test_a_recorded_name_has_no_say_in_the_markup(tmp_path: Path) -> None:
    """A replica's name comes from a timeline, which may come from elsewhere."""
    cost = {**COST, "discovery": {**COST["discovery"], "replica": HOSTILE}}
    text = text_of(save(tmp_path, [result(REPLACED, price=cost)]))

    assert "<script>" not in text
    assert "\u202e" not in text
    assert "\x1b" not in price_table(bill(tmp_path, result(REPLACED, price=cost)), WIDTH)  # type: ignore[arg-type]
