"""The report's page in a real browser: nothing goes wrong in it, it is fast, and it fits every width."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import pytest

from tests.harness.report.html.page import render
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.result import Result
from tests.harness.world.verdict import Verdict
from tests.suite.browser.chromium import chromium
from tests.unit.helpers.saved_report import outage, result, save

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ENVIRONMENTS = ("loopback", "compose", "kind")
BEHAVIOURS = 60
CALLS = 450
LARGEST = 5_000_000
"""Bytes that a page of 3 environments by 60 behaviours may have."""

WIDTHS = {"desk": 1280, "tablet": 768, "phone": 360}

TALLEST = {"desk": 25_000, "phone": 45_000}
"""Pixels of that page, of which a tenth fails; folded less than half of it, as no one scrolls through what holds."""


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium."""
    with chromium() as running:
        yield running


def _results() -> Iterator[Result]:
    for number in range(BEHAVIOURS):
        for environment in ENVIRONMENTS:
            wrong = number % 10 == 0
            yield result(
                f"test_behaviour_{number}_does_as_it_is_promised_to_do",
                file=f"test_{('discovery', 'distribution', 'recovery', 'retry')[number % 4]}.py",
                environment=environment,
                verdict=Verdict.NONCONFORMANT if wrong else Verdict.CONFORMANT,
                message="assert not ['29 of 30 calls came out of turn, at most 0 may: calls 2, 3, 4, 5, 6']" * wrong,
            )
            if environment == "loopback":
                yield result(
                    f"test_behaviour_{number}", mutant="pick_first", verdict=Verdict.CAUGHT, message="assert not 1"
                )


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report of 3 environments by 60 behaviours, each with a load and an outage."""
    folder = save(tmp_path_factory.mktemp("report"), _results(), outage(CALLS))
    (folder / "loopback").mkdir()
    (folder / "loopback" / "gateway.log").write_text("hello\n", encoding="utf-8")
    file = folder / "report.html"
    file.write_text(render([Saved.read(folder, folder)]), encoding="utf-8")
    return file


@pytest.fixture
def opened(browser: "Browser", page_file: Path) -> Iterator["Page"]:
    """Open the page; any complaint of the browser fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    yield page
    page.close()

    assert complaints == []
    assert {url for url in requests if not url.startswith("data:")} == {page_file.as_uri()}


def test_a_large_report_is_small_and_opens_at_once(browser: "Browser", page_file: Path) -> None:
    """At most 5 MB, and complete in less than a second, in the least disturbed of five loads."""
    took = []
    for _ in range(5):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        took.append(max(timing["domComplete"], timing["loadEventEnd"]))
        page.close()

    assert page_file.stat().st_size <= LARGEST
    assert min(took) < 1000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(
    opened: "Page", tmp_path: Path, width: str, scheme: Literal["light", "dark"]
) -> None:
    """On desk, tablet and phone, light and dark, with everything open, only what scrolls by itself is wide."""
    opened.set_viewport_size({"width": WIDTHS[width], "height": 900})
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate("document.querySelectorAll('details').forEach((part, at) => { part.open = at < 40 })")
    opened.screenshot(path=tmp_path / f"{width}-{scheme}.png")

    assert _overflow(opened) <= 0
    assert (tmp_path / f"{width}-{scheme}.png").stat().st_size > 10_000


def _overflow(page: "Page") -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_it_is_printed_in_ink_on_paper(opened: "Page", tmp_path: Path) -> None:
    """Printed from a dark window it is black on white, without what only a window needs, and fits the sheet."""
    opened.emulate_media(media="print", color_scheme="dark")
    opened.set_viewport_size({"width": 720, "height": 1000})
    colours = opened.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    opened.pdf(path=tmp_path / "report.pdf", format="A4")

    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert not opened.locator("nav").is_visible()
    assert _overflow(opened) <= 0
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


CONTRAST = """
() => {
  const light = colour => colour.map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const worst = {};
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = light(parts(element.closest('svg') ? style.fill : style.color).slice(0, 3));
    const paper = light(ground(element));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < 4.5) worst[element.className + ' ' + element.tagName] = ratio;
  }
  return worst;
}
"""
"""The contrast of each text with its ground, as WCAG 2 computes it; AA requires 4.5."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(opened: "Page", scheme: Literal["light", "dark"]) -> None:
    """Every text has at least the contrast that WCAG AA requires, folded or not."""
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate("document.querySelectorAll('details').forEach((part, at) => { part.open = at < 40 })")

    assert opened.evaluate(CONTRAST) == {}


def test_links_lead_to_what_they_name_and_open_it(opened: "Page", page_file: Path) -> None:
    """The mark of a behaviour opens the card that it leads to, without a script; evidence links are files."""
    links = opened.evaluate("[...document.querySelectorAll('a')].map(link => link.getAttribute('href'))")
    missing = [link for link in links if link.startswith("#") and not opened.locator(f"[id='{link[1:]}']").count()]
    files = [link for link in links if not link.startswith("#")]
    behaviour = opened.locator("details.theme[open] article", has=opened.locator("details:not([open])")).nth(3)
    mark = behaviour.locator("a.badge", has_text="compose holds").first
    target = opened.locator(f"[id='{str(mark.get_attribute('href'))[1:]}']")
    before = target.is_visible()
    mark.click()
    target.wait_for(state="visible", timeout=5000)

    assert missing == []
    assert len(files) > BEHAVIOURS
    assert [link for link in files if not (page_file.parent / unquote(link)).is_file()] == []
    assert not before
    assert 0 <= target.evaluate("card => card.getBoundingClientRect().top") < 200


@pytest.mark.parametrize("width", TALLEST)
def test_what_holds_is_folded(opened: "Page", width: str) -> None:
    """Themes in which all holds are one line, what fails is open, and so the page is as tall as its failures."""
    opened.set_viewport_size({"width": WIDTHS[width], "height": 900})
    height = opened.evaluate("document.documentElement.scrollHeight")
    shown = opened.locator("article.behaviour > details[open]").count()
    timelines = sum(picture.is_visible() for picture in opened.locator("svg.timeline").all())
    opened.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")

    assert shown == BEHAVIOURS // 10
    assert timelines == BEHAVIOURS // 10 * len(ENVIRONMENTS)
    assert height < TALLEST[width]
    assert height < opened.evaluate("document.documentElement.scrollHeight") / 3


def test_a_link_opens_everything_around_what_it_leads_to(opened: "Page") -> None:
    """How to read the marks is folded at the end of the page; the link in its head leads there."""
    reading = opened.locator("#reading")
    before = reading.is_visible()
    opened.locator("nav a", has_text="How to read it").click()
    reading.wait_for(state="visible", timeout=5000)

    assert not before


def test_it_is_used_with_the_keyboard_alone(opened: "Page") -> None:
    """The first stop skips to the failures; a part is opened with Enter, the filter set with the space bar."""
    opened.keyboard.press("Tab")
    first = opened.evaluate("document.activeElement.getAttribute('href')")
    theme = opened.locator("details.theme:not([open])").first
    theme.evaluate("part => { part.id = 'closed' }")
    theme.locator("summary").first.focus()
    opened.keyboard.press("Enter")
    opened.evaluate("document.querySelectorAll('.theme').forEach(part => { part.open = true })")
    shown = opened.locator("article.behaviour:visible").count()
    opened.locator("#only").focus()
    opened.keyboard.press("Space")

    assert first == "#failures"
    assert opened.locator("#closed").get_attribute("open") is not None
    assert shown == BEHAVIOURS
    assert opened.locator("article.behaviour:visible").count() == BEHAVIOURS // 10


def test_pictures_say_in_words_what_they_show(opened: "Page") -> None:
    """To a screen reader each timeline is one picture with a name and a description; nothing else is unnamed."""
    pictures: list[dict[str, Any]] = opened.evaluate(
        """[...document.querySelectorAll('svg.timeline')].map(one => ({role: one.getAttribute('role'), words:
        one.getAttribute('aria-labelledby').split(' ').map(id => document.getElementById(id).textContent)}))"""
    )

    assert len(pictures) == BEHAVIOURS * len(ENVIRONMENTS)
    assert {picture["role"] for picture in pictures} == {"img"}
    assert all("loopback" in picture["words"][0] or "on " in picture["words"][0] for picture in pictures)
    assert all("calls" in picture["words"][1] and "kill order-service-1" in picture["words"][1] for picture in pictures)
