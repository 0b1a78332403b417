"""
The documents as a site, which `make site` builds: Sphinx reads the Markdown as it lies here and as GitHub shows it.

Three things differ on the site. A link that leads out of docs/ leads to the repository; a diagram is part of its page,
so that it follows the site's light and dark; and the start page carries the table of contents.
"""

import os
import re
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Repository"]

CONTENTS = {
    "guides": ("how-grpc-balances", "judge-your-gateway", "my-gateway-fails", "ci", "shared-cluster", "authoring"),
    "reference": (
        "contract",
        "environments",
        "reports",
        "behaviours",
        "causes",
        "failures",
        "library-properties",
        "matrix",
    ),
    "lab": ("../findings", "measurements", "diary", "stranger"),
}
"""The folders of pages, and in which order theirs are listed; one that is not named here follows those that are."""

project = "grpc-lb-conformance"
version = release = PROJECT["version"]
extensions = ["myst_parser"]
exclude_patterns = ["site"]
nitpicky = True

myst_heading_anchors = 4  # GitHub's own anchors, so that one link serves both

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
html_theme_options = {"source_repository": REPOSITORY, "source_branch": "main", "source_directory": "docs/"}

linkcheck_ignore = [r"https://github\.com/OWNER/"]  # until the repository has an address
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]  # GitHub makes its anchors in the browser

_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)\s#]+)")
_DIAGRAM = re.compile(r"^!\[([^\]]*)\]\(([^)\s]+\.svg)\)$", re.MULTILINE)


def setup(app: "Sphinx") -> None:
    """Have each page read as the site needs it."""
    app.connect("source-read", _for_the_site)


def _for_the_site(_: "Sphinx", page: str, source: list[str]) -> None:
    folder = (DOCS / page).parent
    text = _DIAGRAM.sub(partial(_inline, folder), source[0])
    text = _LINK.sub(partial(_to_the_repository, folder), text)
    source[0] = text + (_contents() if page == "index" else "")


def _inline(folder: Path, picture: re.Match[str]) -> str:
    drawing = (folder / picture[2]).read_text(encoding="utf-8")
    return f'```{{raw}} html\n<div class="diagram-frame">{drawing.strip()}</div>\n```'


def _to_the_repository(folder: Path, link: re.Match[str]) -> str:
    target = Path(os.path.normpath(folder / link[1]))
    if target.is_relative_to(DOCS) or not target.exists():
        return link[0]  # Sphinx says so if it leads nowhere
    return f"{REPOSITORY}/{'tree' if target.is_dir() else 'blob'}/main/{target.relative_to(ROOT)}"


def _contents() -> str:
    trees = (
        f"```{{toctree}}\n:hidden:\n:caption: {folder.capitalize()}\n\n" + "\n".join(_pages(folder)) + "\n```"
        for folder in CONTENTS
    )
    return "\n\n" + "\n\n".join(trees) + "\n"


def _pages(folder: str) -> list[str]:
    there = sorted(page.stem for page in (DOCS / folder).glob("*.md"))
    return [f"{folder}/{page}" for page in dict.fromkeys([*CONTENTS[folder], *there])]
