"""`[known_failures]` as it stands in a file: why each behaviour is expected to fail, and of which cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.harness.suggestion import did_you_mean

_KEYS = ("reason", "cause")


@dataclass(frozen=True)
class KnownFailures:
    """The reasons by behaviour, and for those that name it the cause that the failure has."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    causes: Mapping[str, str] = field(default_factory=dict)


def known_failures(table: Mapping[str, object]) -> KnownFailures:
    """Return what a table has: a reason, or { reason = "…", cause = "…" }. Raises ValueError for anything else."""
    reasons, causes = {}, {}
    for key, value in table.items():
        if isinstance(value, str):
            reasons[key] = value
        elif isinstance(value, dict):
            _check(key, value)
            reasons[key], causes[key] = value["reason"], value.get("cause", "")
        else:
            raise ValueError(f"[known_failures] {key} is {value!r}: must be a string, or a table with reason and cause")  # noqa: TRY004, of a file
    return KnownFailures(reasons, {key: cause for key, cause in causes.items() if cause})


def _check(key: str, value: Mapping[str, object]) -> None:
    for name, text in value.items():
        if name not in _KEYS:
            raise ValueError(f"[known_failures] {key}: unknown key: {name!r}{did_you_mean(name, _KEYS)}")
        if not isinstance(text, str):
            raise ValueError(f"[known_failures] {key}: {name} is {text!r}: must be a string")  # noqa: TRY004, of a file
    if "reason" not in value:
        raise ValueError(f"[known_failures] {key}: reason is missing")
