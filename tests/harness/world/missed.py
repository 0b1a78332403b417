"""
By how many seconds a bound was missed, and in which window: what a machine that takes time away is compared with.

A judge of time attaches it to its error, or to its complaint if a behaviour asserts that there is none. An error
without it is not about an amount of time: shares, counts, codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

Error = TypeVar("Error", bound=BaseException)


@dataclass(frozen=True)
class Missed:
    """A bound was missed `by` so many seconds; only what happened from `since` to `until` (monotonic) can be why."""

    by: float
    since: float
    until: float


class Complaint(str):
    """A complaint about an amount of time."""

    __slots__ = ("missed",)
    missed: Missed

    @classmethod
    def of(cls, text: str, missed: Missed) -> Self:
        """Return a complaint with what was missed."""
        complaint = cls(text)
        complaint.missed = missed
        return complaint


def with_missed(error: Error, missed: Missed) -> Error:
    """Return the error with what was missed."""
    error.missed = (missed,)  # type: ignore[attr-defined]
    return error


def missed_of(error: BaseException | None) -> tuple[Missed, ...]:
    """Return all that an error, or the complaints that a failed assertion was about, say was missed."""
    found: tuple[Missed, ...] | None = getattr(error, "missed", None)
    if found is not None:
        return found
    return tuple(complaint.missed for complaint in _complaints(error))


def _complaints(error: BaseException | None) -> Iterator[Complaint]:
    """
    Yield the complaints in the operands of a failed assertion.

    pytest's rewritten assertions keep their operands in local variables called @py_assert…, and clear them where the
    assertion holds.
    """
    trace = error.__traceback__ if error else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    for name, value in dict(trace.tb_frame.f_locals).items() if trace else ():
        if name.startswith("@py_assert") and isinstance(value, list):
            yield from (item for item in value if isinstance(item, Complaint))
