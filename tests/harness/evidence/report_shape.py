"""
What readers of a report.json rely on: its members and their types, and what they get for those that older ones lack.

It needs Python's standard library alone, as saved_files.py does: the Action's script reads a report with it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tests.harness.evidence.saved_files import parsed, read
from tests.harness.harmless import harmless_members

Check: TypeAlias = Callable[[Any, str], Any]
"""Returns a value as readers get it, by the value and where it is. Raises ShapeError."""

_NEEDED, _OPTIONAL = object(), object()
"""In place of what readers get for a missing member: it must be there, or it stays missing."""


class ShapeError(ValueError):
    """A member of a report is missing, or of another type than expected; the message names it."""


def _is(what: str, *kinds: type) -> Check:
    def check(value: Any, where: str) -> Any:  # noqa: ANN401, JSON of every kind
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ShapeError(f"{where} is not {what}")
        return value

    return check


_TEXT = _is("a string", str)
_WHOLE = _is("a whole number", int)
_NUMBER = _is("a number", int, float)
_OBJECT = _is("an object", dict)


def _text_or_null(value: Any, where: str) -> str:  # noqa: ANN401, JSON of every kind
    return str(_TEXT(value or "", where))


def _list_of(check: Check) -> Check:
    def checked(value: Any, where: str) -> list[Any]:  # noqa: ANN401, JSON of every kind
        found = _is("a list", list)(value, where)
        return [check(item, f"{where}[{number}]") for number, item in enumerate(found)]

    return checked


def _mapping_to(check: Check) -> Check:
    def checked(value: Any, where: str) -> dict[str, Any]:  # noqa: ANN401, JSON of every kind
        return {name: check(item, f"{where}.{name}") for name, item in _OBJECT(value, where).items()}

    return checked


def _with(members: Mapping[str, tuple[Check, Any]]) -> Check:
    """Return a check for an object with these members, each with what readers get if it is missing, and any others."""

    def checked(value: Any, where: str) -> dict[str, Any]:  # noqa: ANN401, JSON of every kind
        whole = dict(_OBJECT(value, where or "it"))
        for name, (check, missing) in members.items():
            place = f"{where}.{name}".removeprefix(".")
            if name in whole:
                whole[name] = check(whole[name], place)
            elif missing is _NEEDED:
                raise ShapeError(f"{place} is missing")
            elif missing is not _OPTIONAL:
                whole[name] = missing
        return whole

    return checked


_ROW = _with(
    {
        **dict.fromkeys(("id", "file", "behaviour", "environment", "verdict"), (_TEXT, _NEEDED)),
        **dict.fromkeys(("claim", "measured", "bound", "message", "timeline"), (_TEXT, "")),
        **dict.fromkeys(("expected", "seen", "cause", "remedy", "sureness", "untested"), (_TEXT, "")),
        "mutant": (_is("a string or null", str, type(None)), None),
        "seconds": (_NUMBER, 0.0),
        "suspects": (_list_of(_TEXT), _OPTIONAL),
    }
)
_CAUSE = _with(
    {
        **dict.fromkeys(("behaviours", "agree"), (_list_of(_TEXT), _NEEDED)),
        **dict.fromkeys(("environment", "cause", "remedy"), (_TEXT, "")),
        "suspects": (_list_of(_TEXT), []),
    }
)
_DIAGNOSIS = _with(
    {
        **dict.fromkeys(("environment", "sentence"), (_TEXT, _NEEDED)),
        **dict.fromkeys(("remedy", "sureness"), (_TEXT, "")),
        **dict.fromkeys(("remarks", "causes", "explained", "unexplained", "deciding"), (_list_of(_TEXT), [])),
        **dict.fromkeys(("contradicted", "hypotheses"), (_list_of(_OBJECT), [])),
    }
)
_SUBJECT = _with(
    {
        "name": (_TEXT, _NEEDED),
        "language": (_text_or_null, ""),
        **dict.fromkeys(("library", "library_from", "library_seen"), (_TEXT, "")),
        "tier": (_WHOLE, 1),
        "from_outside": (_is("true or false", bool), False),
        "known_failures": (_mapping_to(_TEXT), {}),
        "known_causes": (_mapping_to(_TEXT), {}),
        "ours": (_is("true or false", bool), False),
        **dict.fromkeys(("tls", "ready"), (_TEXT, "")),
        **dict.fromkeys(("front", "service"), (_is("a string or null", str, type(None)), None)),
        "stream": (_is("true or false", bool), False),
        "dials": (_TEXT, _OPTIONAL),
    }
)
_COUNTS = _with(
    {
        **dict.fromkeys(("applicable", "selected", "judged", "holds"), (_WHOLE, _NEEDED)),
        "left_out": (_mapping_to(_WHOLE), {}),
    }
)
_SETTING = _with(
    {
        **dict.fromkeys(("name", "unit", "because", "how"), (_TEXT, _NEEDED)),
        "bound": (_is("a number or null", int, float, type(None)), None),
    }
)
_ITEM = _with(
    {
        **dict.fromkeys(("what", "words", "behaviour", "environment", "verdict"), (_TEXT, _NEEDED)),
        "seconds": (_is("a number or null", int, float, type(None)), None),
        "settings": (_list_of(_SETTING), []),
    }
)
_BILL = _with(
    {
        **dict.fromkeys(("calls", "lost"), (_WHOLE, _NEEDED)),
        "unknown": (_mapping_to(_TEXT), {}),
        "items": (_list_of(_ITEM), _NEEDED),
    }
)


def _or_null(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


_CONFIG = _with(
    {
        "config": (_OBJECT, _NEEDED),
        **dict.fromkeys(("fixes", "keep"), (_list_of(_TEXT), [])),
        "how": (_TEXT, ""),
    }
)
_REPORT = _with(
    {
        "version": (_WHOLE, _NEEDED),
        "subject": (_SUBJECT, _NEEDED),
        "behaviours": (_list_of(_ROW), _NEEDED),
        **dict.fromkeys(("verdict", "started"), (_TEXT, _NEEDED)),
        **dict.fromkeys(("reason", "broken_off"), (_TEXT, "")),
        "counts": (_COUNTS, _OPTIONAL),
        "selection": (_list_of(_TEXT), []),
        "seconds": (_NUMBER, 0.0),
        "exit_status": (_is("a whole number or null", int, type(None)), None),
        "promises": (_OBJECT, {}),
        "unsupported": (_list_of(_TEXT), []),
        "negative_controls": (_list_of(_ROW), []),
        "causes": (_list_of(_CAUSE), []),
        "diagnosis": (_list_of(_DIAGNOSIS), []),
        "service_config": (_or_null(_CONFIG), None),
        "price": (_or_null(_BILL), None),
        "not_judged": (_mapping_to(_TEXT), {}),
        "mutants": (_mapping_to(_TEXT), {}),
    }
)


def report_in(folder: Path, name: str = "report.json") -> dict[str, Any]:
    """
    Return a report with every member that readers rely on, its texts harmless.

    Raises OSError or ValueError, a ShapeError if it is JSON and not a report.
    """
    document = parsed(read(folder, name))
    try:
        whole: dict[str, Any] = harmless_members(_REPORT(document, ""))
    except RecursionError:
        raise ShapeError("it is nested too deeply") from None
    return whole
