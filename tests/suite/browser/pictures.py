"""
`python -m tests.suite.browser.pictures`: the pictures of docs/images, taken of real runs.

Judges two subjects of docs/examples by the core on loopback, which fail, and the reference gateway, and takes what the
documents show of their pages; and of docs/reference/matrix.html as it is. Needs Chromium; takes two minutes.
"""

import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.harness.paths import REFERENCE_DOCS, ROOT
from tests.suite.browser.chromium import chromium
from tests.suite.samples import refuse_inconclusive

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect

IMAGES = ROOT / "docs" / "images"
MATRIX = REFERENCE_DOCS / "matrix.html"


@dataclass(frozen=True)
class Shot:
    """
    A picture: of which subject's page, which part of it, how wide, in which light; cut after `height`.

    Without a subject it is of the matrix.
    """

    name: str
    subject: str
    part: str
    width: int = 1060
    height: int = 1400
    scheme: Literal["light", "dark"] = "light"


SHOTS = (
    Shot("report", "no-policy", "body", height=1100),
    Shot("report-phone", "no-policy", "body", width=390, height=844, scheme="dark"),
    Shot("no-policy-rotation", "no-policy", "article:has-text('serial calls rotate across')"),
    Shot("rare-resolution-moved", "rare-resolution", "article:has-text('returning at a new address')"),
    Shot("killed-returns", "reference", "article:has-text('a killed replica regains its share') figure"),
    Shot("matrix", "", "body", width=1280, height=1150),
)


def judge(subject: str, folder: Path) -> None:
    """Judge a subject by the core, as a user does; the report lies in `folder` with any verdict."""
    marks = "loopback and not extended and not negative_control and not positive_control"
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=1", "-m", marks, f"--report={folder}"]
    if subject != "reference":
        command.append(f"--subject=docs/examples/{subject}.toml")
    done = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603, our own pytest
    if done.returncode not in {0, 1}:
        raise SystemExit(done.returncode)
    refuse_inconclusive(folder)


def take(browser: "Browser", shot: Shot, folder: Path) -> None:
    """Take one picture."""
    page = browser.new_page(viewport={"width": shot.width, "height": 900}, color_scheme=shot.scheme)
    page.goto((folder / "report.html" if shot.subject else MATRIX).as_uri())
    part = page.locator(shot.part).first
    if shot.part != "body":
        part.evaluate("part => part.querySelectorAll('details').forEach(inner => { inner.open = true })")
        part.evaluate(
            "part => { for (let at = part; at; at = at.parentElement) if (at.open === false) at.open = true }"
        )
    box = part.bounding_box()
    if box is None:
        raise SystemExit(f"{shot.name}: {shot.part} is not on the page")
    height = min(box["height"], shot.height)
    # the window shows just this part: a picture of the whole page, tens of thousands of pixels, takes minutes to paint
    page.set_viewport_size({"width": shot.width, "height": math.ceil(height)})
    part.evaluate("each => window.scrollBy(0, each.getBoundingClientRect().top)")
    top = part.evaluate("each => each.getBoundingClientRect().top")
    clip: FloatRect = {"x": box["x"], "y": top, "width": box["width"], "height": height}
    page.screenshot(path=IMAGES / f"{shot.name}.png", clip=clip)
    page.close()


def main() -> None:
    """Judge, and take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for subject in dict.fromkeys(shot.subject for shot in SHOTS if shot.subject):
            judge(subject, Path(folder, subject))
        for shot in SHOTS:
            take(browser, shot, Path(folder, shot.subject))


if __name__ == "__main__":
    main()
