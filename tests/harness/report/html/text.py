"""
Text that comes from a subject, made fit for a page: what is invisible is made visible, what is too long is cut.

Escaping is Jinja's; `shown` is the environment's `finalize`, so no template can forget it.
"""

from markupsafe import Markup

from tests.harness.harmless import harmless

LONGEST = 1000
"""Characters of one piece of text; the evidence files hold the whole."""


def shown(value: object, limit: int = LONGEST) -> object:
    """Return text with its unseen characters as escapes and at most `limit` of it; anything else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = harmless(value[:limit])
    return text if len(value) <= limit else f"{text}… ({len(value)} characters)"


def cut(value: object, limit: int) -> str:
    """Return the beginning of a text, for a place where there is little room."""
    return str(shown(str(value), limit))


def first_line(text: str) -> str:
    """Return the first line that is not empty, "" if there is none."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
