"""
What the suite says to people is said as an on-call engineer would say it: the glossary's left column is refused.

Checked here are the harness below its report, the environments and the reference services; the words of behaviours and
causes have a check of their own.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

FOLDERS = (
    "services",
    "tests/harness/evidence",
    "tests/harness/judges",
    "tests/harness/plugin",
    "tests/harness/subject",
    "tests/harness/world",
    "tests/harness/commands",
    "tests/loopback",
    "tests/compose",
    "tests/kind",
)
ELSEWHERE = re.compile(r"_pb2|/test_|/causes|mutants|progress|reporting|showing|quiet_reporter|renamed\.py")
"""Generated files, and modules whose words are checked elsewhere."""

EVERYWHERE = {
    r"anew": "again, re-",
    r"mend(s|ed|ing)?": "fix",
    r"heed(s|ed)?": "honour, respect",
    r"seldom": "rarely",
    r"who(m|so)?ever": "anyone who",
    r"go(es)? on": "continue, resume",
    r"for good": "permanently",
    r"at once": "immediately",
    r"for want of": "for lack of",
    r"without a word": "silently, no output",
    r"take hold|taken hold|took hold": "take effect",
    r"(?<!there )(is|are|was|were) no (?!longer|more)\w+": "is not a",
    r"tak(e|es|en) \w+ for": "treat as",
    r"(?<=a )\w+ of (its|their|our|his|your) own": "separate, its own",
}
"""What no text has, comments and docstrings included, and what to say instead."""

MESSAGES = {
    r"beside(s)?": "next to, in addition to",
    r"behind (a|the) (space|name|fence|headers|call)": "after",
    r"what(so)?ever": "anything",
    r"gone": "removed, down",
    r"told": "received",
    r"asks?|asked|questions?": "query, request",
    r"it says|says? that|it said|said last": "reports, prints",
    r"not so after": "timed out after … waiting for",
    r"exclude each other": "are mutually exclusive",
    r"nearest (known )?one": "did you mean",
    r"is needed": "must be",
    r"more than 0": "greater than 0",
    r"ended with status": "exited with status",
    r"shall": "should, must",
}
"""What messages, help and notes of a report do not have either."""

DATA = {
    "mended",
    "asked",
    "say health",
    "fails UNAVAILABLE with a grpc-retry-pushback-ms that is no number",
}
"""What recordings hold, as verdicts, events, verbs and their arguments: a format, not words for people."""


def modules() -> list[Path]:
    """Return the modules whose words are checked here."""
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    return [file for file in files if not ELSEWHERE.search(str(file.relative_to(ROOT)))]


def messages(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the sentences among the string constants of a module, docstrings excluded, each with its line."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # what documents a constant
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | alone:
            yield from [(node.lineno, node.value)] if " " in node.value and node.value.strip() not in DATA else []


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield every line of a comment, docstring or other string of a module."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds and token.string.strip("\"'") not in DATA:
            yield from enumerate(token.string.split("\n"), token.start[0])


def refused(text: str, glossary: dict[str, str]) -> Iterator[str]:
    """Yield what a text should not say, and what to say instead."""
    for words, instead in glossary.items():
        found = re.search(rf"\b(?:{words})\b", text, re.IGNORECASE)
        if found:
            yield f"{found[0]!r}: rather {instead}"


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_module_says_what_the_glossary_refuses(file: Path) -> None:
    """Neither its messages nor its comments and docstrings; the complaint says what to say instead."""
    source = file.read_text(encoding="utf-8")
    found = [f"{line}: {words}" for line, text in texts(source) for words in refused(text, EVERYWHERE)]
    found += [f"{line}: {words}" for line, text in messages(ast.parse(source)) for words in refused(text, MESSAGES)]

    assert not found


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ValueError(f'{name} is no option: is it {name}?')", "is no option"),
        ("raise ValueError('the nearest known one is x')", "nearest known one"),
        ("parser.add_argument('--x', help='known failures besides the file')", "besides"),
        ("reached(ready, what='X is gone')", "gone"),
        ("# it starts anew", "anew"),
        ('"""A port of its own."""', "port of its own"),
    ],
)
def test_the_check_sees_messages_comments_and_docstrings(source: str, words: str) -> None:
    """Each kind of text is looked at, or the check would pass for nothing."""
    everywhere = [found for _, text in texts(source) for found in refused(text, EVERYWHERE)]
    only_messages = [found for _, text in messages(ast.parse(source)) for found in refused(text, MESSAGES)]

    assert [found for found in [*everywhere, *only_messages] if words in found]


def test_names_and_ordinary_words_pass() -> None:
    """What a format calls by such a word, and what only looks like one, is no offence."""
    fine = "record('asked')\nraise ValueError('it is no longer there; there is no answer from its own port')\n"

    assert not [found for _, text in texts(fine) for found in refused(text, EVERYWHERE)]
    assert not [found for _, text in messages(ast.parse(fine)) for found in refused(text, MESSAGES)]
