"""Text from a subject, made fit for the page."""

import pytest
from markupsafe import Markup

from tests.harness.report.html.text import LONGEST, cut, first_line, shown


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("plain, ünïcode, 漢字 and\ta tab\nand a line", "plain, ünïcode, 漢字 and\ta tab\nand a line"),
        ("bell\x07 escape\x1b[31m null\x00 return\r", "bell\\x07 escape\\x1b[31m null\\x00 return\\x0d"),
        (
            "\u202eright to left\u202c and \u2066isolated\u2069",
            "\\u202eright to left\\u202c and \\u2066isolated\\u2069",
        ),
        ("zero\u200bwidth \ufeff and \u00adsoft", "zero\\u200bwidth \\ufeff and \\xadsoft"),
        ("half \ud800 of a character", "half \\ud800 of a character"),
        ("tag \U000e0041", "tag \\U000e0041"),
    ],
)
def test_what_nobody_sees_becomes_visible(text: str, visible: str) -> None:
    """Control, direction and zero-width characters show as escapes; everything else stays as it is."""
    assert shown(text) == visible


def test_long_text_is_cut_and_says_so() -> None:
    """Of 64 kB the page has the beginning, and how long the whole is."""
    text = str(shown("x" * 65536))

    assert len(text) < LONGEST + 30
    assert text.endswith("x… (65536 characters)")
    assert cut("y" * 50, 10) == "yyyyyyyyyy… (50 characters)"


def test_only_text_is_changed() -> None:
    """Numbers stay numbers, and what a template has escaped already is not touched again."""
    assert shown(3.5) == 3.5
    assert shown(Markup("<b>\u202e</b>")) == Markup("<b>\u202e</b>")


def test_the_first_line_is_the_first_with_words() -> None:
    """Empty lines are passed over; nothing stays nothing."""
    assert first_line("\n  \n assert 1 == 2\n  where 1") == "assert 1 == 2"
    assert first_line(" \n") == ""
