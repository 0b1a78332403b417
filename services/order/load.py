"""The load that a replica reports: the per-call report of gRFC A51, from which a client may compute weights."""

import math
from collections.abc import Mapping
from typing import TypeAlias

from services.proto.load_report_pb2 import LoadReport
from services.variables import SettingsError

Trailers: TypeAlias = tuple[tuple[str, str | bytes], ...]

TRAILER = "endpoint-load-metrics-bin"

NAMED = "named_metrics."
"""The prefix of fields that belong to the map of that name."""

_FIELDS = [f"{NAMED}NAME" if NAMED.startswith(name) else name for name in LoadReport.DESCRIPTOR.fields_by_name]
_EXPECTED = f"expected FIELD=NUMBER,… with the fields {', '.join(_FIELDS)}"


def load_report(environ: Mapping[str, str], name: str) -> Trailers:
    """
    Return the trailers of each answer, with a report such as "rps_fractional=100,cpu_utilization=0.5".

    No trailers if the variable is unset or empty. Raises `SettingsError`, which names the variable and its value.
    """
    text = environ.get(name) or ""
    fields = [part.partition("=")[::2] for part in text.split(",")] if text else []
    try:
        numbers = {field: float(number) for field, number in fields}
        named = {field.removeprefix(NAMED): number for field, number in numbers.items() if field.startswith(NAMED)}
        plain = {field: number for field, number in numbers.items() if not field.startswith(NAMED)}
        report = LoadReport(named_metrics=named, **plain)
    except (
        ValueError,
        TypeError,
    ):  # from float, and from a message without such a field, or with one that is not a number
        raise SettingsError(f"{name} is {text!r}: {_EXPECTED}") from None
    if not all(math.isfinite(number) and number >= 0 for number in numbers.values()):
        raise SettingsError(f"{name} is {text!r}: {_EXPECTED}")
    return ((TRAILER, report.SerializeToString()),) if text else ()
