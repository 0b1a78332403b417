"""The documents' own links: each leads to a file that is there, and to a heading in it."""

import re
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of headings: small, without punctuation, hyphens for spaces."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


def _leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    file = document.parent / path if path else document
    if not anchor or file.suffix != ".md":
        return file.exists()
    return file.exists() and anchor in _anchors(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    """To a file of this repository, and where it names a heading to one that is there."""
    links = [link for link in _LINK.findall(document.read_text(encoding="utf-8")) if not link.startswith("http")]

    assert [link for link in links if not _leads_somewhere(document, link)] == []
