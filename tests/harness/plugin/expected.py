"""
What is expected to fail: a failure that the subject's file calls known, or what its library does.

The mark is pytest's xfail; here is what it means for the verdict.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import pytest

from tests.harness.causes.case import Finding
from tests.harness.report.result import Result
from tests.harness.subject.library_properties import Property
from tests.harness.subject.subject import Subject
from tests.harness.world.verdict import Verdict

EXPECTED = pytest.StashKey["Expected"]()
"""Why a behaviour is expected to fail, in the stash of its item."""


@dataclass(frozen=True)
class Expected:
    """Why a behaviour is expected to fail; `cause` is the one that the failure has, "" for any."""

    reason: str
    cause: str = ""
    row: Property | None = None
    ours: bool = False

    @property
    def mark(self) -> pytest.MarkDecorator:
        """What pytest is given: a library that has been fixed is held against our own table alone."""
        strict = self.row is None or (self.ours and not self.row.varies)
        return pytest.mark.xfail(strict=strict, raises=AssertionError, reason=self.reason)

    def verdict(self, verdict: Verdict) -> Verdict:
        """Return the verdict on a behaviour that would have this one."""
        if self.row is None:
            return verdict
        if verdict is Verdict.KNOWN_FAILURE:
            return Verdict.LIBRARY_PROPERTY
        return Verdict.FIXED_UPSTREAM if verdict is Verdict.CONFORMANT and not self.row.varies else verdict

    def words(self, verdict: Verdict, library: str) -> str:
        """Return what is reported of it next to a verdict."""
        if self.row is None or verdict is Verdict.LIBRARY_PROPERTY:
            return self.reason
        if verdict is Verdict.CONFORMANT:
            return f"{self.reason}; it holds now and then: {self.row.varies}"
        if verdict in {Verdict.FIXED_UPSTREAM, Verdict.UNEXPECTEDLY_PASSING}:
            seen = library or f"an unknown version of {self.row.library}"
            return f"fixed upstream: it holds with {seen}, so library_properties.toml is out of date. {self.reason}"
        return ""

    def another_cause(self, suspects: Collection[str], checked: Finding | None) -> str:
        """
        Return in words that it failed for another cause than the known one, "" if it did not.

        Where a row applies, a failure that no rule explains is not held against the gateway. What a check of every
        behaviour found counts as a library property only if the row names it.
        """
        if self.row and not suspects:
            return ""
        if self.cause:
            named = " or ".join(suspects) or "none"
            known = "" if self.cause in suspects else self.cause
        else:
            named = " or ".join(checked.suspects) if checked else ""
            known = "what its library does" if checked and self.row else ""
        return f"fails for another cause than the known one: cause named {named}, known {known}" if known else ""


def expected(item: pytest.Item) -> Expected | None:
    """Return why a behaviour is expected to fail, None if it is not."""
    return item.stash.get(EXPECTED, None)


def as_expected(item: pytest.Item, verdict: Verdict | None) -> Verdict | None:
    """Return the verdict on a behaviour that would have this one if nothing were expected."""
    known = expected(item)
    return known.verdict(verdict) if known and verdict else verdict


def with_expectation(item: pytest.Item, result: Result, subject: Subject) -> Result:
    """Return a result with what was expected; a library property has no remedy, as its cause is not the gateway's."""
    known = expected(item)
    if known is None:
        return result
    words = known.words(result.verdict, subject.library)
    if result.verdict is Verdict.LIBRARY_PROPERTY:
        return replace(result, expected=words, cause="", suspects=(), remedy="", sureness="")
    if known.row and result.verdict is Verdict.UNEXPECTEDLY_PASSING:
        return replace(result, expected=words, message=words)  # which brings no message
    return replace(result, expected=words)
