"""Text that a stranger had a say in: what it may show, and what passes to a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.harmless import Gate, HarmlessError, harmless, harmless_members, in_one_line
from tests.unit.helpers.hostile import TEXTS, harm


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_would_harm_is_shown_instead(text: str) -> None:
    """It stays visible, as an escape; twice is as once."""
    clean = harmless(text)

    assert harm(clean) == []
    assert harmless(clean) == clean
    assert clean.encode()


@pytest.mark.parametrize(
    "text",
    ["plain\n\ttabs", "ünïcode, 漢字, עברית, हिन्दी", "a::b, C::d", "# [x] ::", "a\u00a0b\u3000c", "e\u0301", "🚦"],
)
def test_what_harms_nobody_stays(text: str) -> None:
    """Letters of every script, accents, blanks, tabs and line feeds, and colons within a line."""
    assert harmless(text) == text


def test_what_cannot_be_seen_has_its_number() -> None:
    """As Python writes it, so that two names that look alike can be told apart."""
    assert harmless("\x1b[2J \u202e \U000e0041 \ud800") == "\\x1b[2J \\u202e \\U000e0041 \\ud800"
    assert harmless("a\r\nb\rc") == "a\nb\\x0dc"
    assert harmless("a\n  ::error::b") == "a\n  :\\x3aerror::b"
    assert harmless("##[group]") == "##\\x5bgroup]"
    assert in_one_line("a\n::b") == "a\\n:\\x3ab"


@given(st.text())
def test_no_text_harms(text: str) -> None:
    """Whatever it consists of."""
    assert harm(harmless(text)) == []
    assert harmless(harmless(text)) == harmless(text)


def test_a_document_is_harmless_throughout() -> None:
    """The texts in lists and objects, and the names of members; other values stay."""
    document = {"\x1b": ["\x07", {"a": "\u202e"}, 1, None, True]}

    assert harmless_members(document) == {"\\x1b": ["\\x07", {"a": "\\u202e"}, 1, None, True]}


def test_an_error_may_quote_anything() -> None:
    """What people read of it is harmless."""
    assert str(HarmlessError("said \x1b[2J")) == "said \\x1b[2J"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_nothing_harmful_passes_the_gate(text: str, size: int) -> None:
    """In whatever pieces it comes, and wherever a line is broken."""
    gate = Gate()
    passed = [gate.passed(text[start : start + size]) for start in range(0, len(text), size)]
    returned = [piece.removeprefix("\r") for piece in passed]  # pytest's own way to rewrite a line

    assert harm("".join(returned)) == []


@pytest.mark.parametrize(
    "pieces",
    [
        ["\x1b[31mFAILS\x1b[0m a\n"],
        ["\rcollecting 3 items"],
        ["\x1b[1m\rcollected 3 items\x1b[0m\n"],
        ["tests/test_x.py", "::test_y", "\n"],
        ["a ", ":", ": b\n"],
    ],
)
def test_pytests_own_lines_pass(pieces: list[str]) -> None:
    """Its colours, its rewritten line, and what is no command in the middle of a line."""
    gate = Gate()

    assert "".join(map(gate.passed, pieces)) == "".join(pieces)


def test_a_command_in_pieces_is_no_command() -> None:
    """After a line feed, a carriage return or a colour."""
    gate = Gate()

    assert "".join(map(gate.passed, ["a\n", "  ", ":", ":error::b\n"])) == "a\n  :\\x3aerror::b\n"
    assert "".join(map(gate.passed, ["a", "\r", "::error::b\n"])) == "a\r:\\x3aerror::b\n"
    assert gate.passed("\x1b[31m::error::b") == "\x1b[31m:\\x3aerror::b"
