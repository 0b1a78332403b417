"""What people read in a file: strings and comments of a module, paragraphs of a document, text between tags."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import yaml

from tests.harness.paths import ROOT

Text = tuple[str, str]
"""Where a text stands, and the text."""

ELSEWHERE = "…"
"""Stands in for what is not known here: values of an f-string, code in a document."""

_FENCE = re.compile(r"^( *)```.*?^\1```$|<!-- sample:.*?/sample -->", re.DOTALL | re.MULTILINE)
_PARAGRAPH = re.compile(r"[^\n]*\S[^\n]*(?:\n(?! *(?:[*+|-]|\d+\.) )[^\n]*\S[^\n]*)*")
_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")


def place(file: Path, line: int) -> str:
    """Return where a line is."""
    return f"{file.relative_to(ROOT)}:{line}"


def on_one_line(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


def strings(file: Path) -> Iterator[Text]:
    """Yield the strings of a module that are more than one word, docstrings included."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else ELSEWHERE for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        if " " in text.strip():
            yield place(file, node.lineno), on_one_line(text)  # type: ignore[attr-defined]


def comments(file: Path) -> Iterator[Text]:
    """Yield the comments of a module; those on lines of their own that follow each other are one."""
    began, before, words = 0, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT:
            line, text = token.start[0], token.string.removeprefix("#").strip()
            if line == before + 1:
                words = f"{words} {text}"
            else:
                yield from [(place(file, began), words)] if words else []
                began, words = line, text
            before = line
    yield from [(place(file, began), words)] if words else []


def paragraphs(file: Path) -> Iterator[Text]:
    """Yield paragraphs, items and rows of a Markdown document, without code, samples of output, addresses of links."""
    text = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), file.read_text(encoding="utf-8"))
    for found in _PARAGRAPH.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield place(file, line), _CODE.sub(ELSEWHERE, on_one_line(found[0]))


def lines(file: Path) -> Iterator[Text]:
    """Yield the lines of a file that are more than one word."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if " " in line.strip():
            yield place(file, number), line.strip()


def scalars(file: Path) -> Iterator[Text]:
    """Yield the strings of a YAML file that are more than one word, but for scripts."""
    pending: list[tuple[str, Any]] = [("", yaml.safe_load(file.read_text(encoding="utf-8")))]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            pending += value.items()
        elif isinstance(value, list):
            pending += [(key, item) for item in value]
        elif isinstance(value, str) and " " in value.strip() and key != "run":
            yield str(file.relative_to(ROOT)), on_one_line(value)


def template(file: Path) -> Iterator[Text]:
    """Yield what a template shows: strings of its expressions, and the text, labels and titles of its markup."""
    page = ""
    for number, kind, value in jinja2.Environment(autoescape=True).lex(file.read_text(encoding="utf-8")):
        if kind == "data":
            page += value
        else:
            page += "\n" * value.count("\n") + (ELSEWHERE if kind == "variable_end" else "")
            if kind == "string" and " " in value.strip():
                yield place(file, number), value.strip("\"'")
    shown = _Shown()
    shown.feed(page)
    shown.close()
    yield from ((place(file, number), text) for number, text in shown.texts)


class _Shown(HTMLParser):
    """Keeps text, labels and titles that are more than one word, each with its line."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002, as in the base
        """Keep what is read out or shown of an element."""
        self._keep(*(value for name, value in attrs if name in {"aria-label", "title", "alt"} and value))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self._keep(data)

    def _keep(self, *texts: str) -> None:
        self.texts += [(self.getpos()[0], on_one_line(text)) for text in texts if " " in text.strip()]
