"""What a browser would make of the report's page."""

from html.parser import HTMLParser
from pathlib import Path

from tests.harness.report.html.page import render
from tests.harness.report.html.report_folder import Saved

HOSTILE = (
    "</pre></svg><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}{%x%}&amp;\x00\x1b[31m\u202eevil\ud800"
)
"""Text that a gateway may write to get a say in the markup."""


class Page(HTMLParser):
    """What a browser would make of the page: elements, attributes, ids, links, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.words += data

    def all(self, attribute: str) -> list[str]:
        """Return every value of an attribute."""
        return [str(attributes[attribute]) for _, attributes in self.elements if attribute in attributes]


def text_of(*folders: Path) -> str:
    """Return the page about these report folders as it is written."""
    return render([Saved.read(folder, folders[0]) for folder in folders])


def page_of(*folders: Path) -> Page:
    """Return the page about these report folders."""
    return Page(text_of(*folders))
