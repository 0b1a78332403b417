"""
Text that comes from a subject, made fit for a page: what is invisible is made visible, what is too long is cut.

Escaping is Jinja's; `shown` is the environment's `finalize`, so no template can forget it.
"""

import re

from markupsafe import Markup

LONGEST = 1000
"""Characters of one piece of text; the evidence files hold the whole."""

_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for tab and line feed
    "\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # no width, or they turn the text around
    "\U000e0000-\U000e007f"  # invisible tags
    "\ud800-\udfff"  # halves of a character, which no file can hold
    "]"
)


def shown(value: object, limit: int = LONGEST) -> object:
    """Return text with its unseen characters as escapes and at most `limit` of it; anything else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = _UNSEEN.sub(_escape, value[:limit])
    return text if len(value) <= limit else f"{text}… ({len(value)} characters)"


def cut(value: object, limit: int) -> str:
    """Return the beginning of a text, for a place where there is little room."""
    return str(shown(str(value), limit))


def first_line(text: str) -> str:
    """Return the first line that is not empty, "" if there is none."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
