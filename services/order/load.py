"""What a replica says of its load: the report per call of gRFC A51, from which a client may make weights."""

import math
from collections.abc import Mapping
from typing import TypeAlias

from services.proto.load_report_pb2 import LoadReport
from services.variables import SettingsError

Trailers: TypeAlias = tuple[tuple[str, bytes], ...]

TRAILER = "endpoint-load-metrics-bin"

NAMED = "named_metrics."
"""How a field begins that is one of the map of that name."""

_FIELDS = [f"{NAMED}NAME" if NAMED.startswith(name) else name for name in LoadReport.DESCRIPTOR.fields_by_name]
_EXPECTED = f"expected FIELD=NUMBER,… with the fields {', '.join(_FIELDS)}"


def load_report(environ: Mapping[str, str], name: str) -> Trailers:
    """
    Return the trailers of each answer: a report as in "rps_fractional=100,cpu_utilization=0.5", or none.

    None where the variable is unset or empty. Raises `SettingsError` naming the variable and the value.
    """
    text = environ.get(name) or ""
    fields = [part.partition("=")[::2] for part in text.split(",")] if text else []
    try:
        numbers = {field: float(number) for field, number in fields}
        named = {field.removeprefix(NAMED): number for field, number in numbers.items() if field.startswith(NAMED)}
        plain = {field: number for field, number in numbers.items() if not field.startswith(NAMED)}
        report = LoadReport(named_metrics=named, **plain)
    except (ValueError, TypeError):  # of float, and of a message that has no such field, or none that is a number
        raise SettingsError(f"{name} is {text!r}: {_EXPECTED}") from None
    if not all(math.isfinite(number) and number >= 0 for number in numbers.values()):
        raise SettingsError(f"{name} is {text!r}: {_EXPECTED}")
    return ((TRAILER, report.SerializeToString()),) if text else ()
