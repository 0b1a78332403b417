"""
Templates: text in which `{name}` stands for a value, as in "POST /checkout/{id}".

Only a name in lower case is one, so that JSON, `${HOME}` and `{}` stay as they are; `{{name}}` is the text `{name}`.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from tests.harness.subject.tables import SubjectFileError
from tests.harness.suggestion import did_you_mean

_PLACE = re.compile(r"\{(\{[a-z][a-z_]*\})\}|(?<!\$)\{([a-z][a-z_]*)\}")


def names_in(text: str) -> list[str]:
    """Return the names of the places in a template, in order."""
    return [name for _, name in _PLACE.findall(text) if name]


def check_names(what: str, text: str, known: Iterable[str]) -> None:
    """Raise SubjectFileError for a place whose name is not known."""
    every = list(known)
    for name in names_in(text):
        if name not in every:
            meant = did_you_mean(name, every)
            raise SubjectFileError(
                f"{what} has an unknown placeholder {{{name}}}{meant} (the text itself is {{{{{name}}}}})"
            )


def pieces(text: str) -> list[str | None]:
    """Return a template with one place only, cut: None stands for it."""
    found: list[str | None] = []
    position = 0
    for place in _PLACE.finditer(text):
        found += [text[position : place.start()], place[1]]
        position = place.end()
    return [piece for piece in [*found, text[position:]] if piece != ""]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a template with its places filled. Raises KeyError for one without a value."""
    return _PLACE.sub(lambda place: place[1] or values[place[2]], text)


def known_filled(text: str, values: Mapping[str, str], other: Callable[[str], bool]) -> str:
    """
    Return a text with the places filled that have a value; any other stays as it is.

    `{{name}}` is the text `{name}` there too, for names with a value, and for those that `other` tells are refused.
    """

    def _filled(place: re.Match[str]) -> str:
        name = (place[1] or "").strip("{}") or place[2]
        if name not in values and not other(name):
            return place[0]
        return place[1] or values.get(name, place[0])

    return _PLACE.sub(_filled, text)
