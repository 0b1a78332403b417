"""Which retry throttling is in effect: the one under which every decision would have been as recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.harness.causes.case import Case, Finding, certain, likely, many
from tests.harness.evidence.history import Call

RATIOS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Token ratios that are tried if the configured one does not explain what was seen."""


@dataclass(frozen=True)
class Throttle:
    """Retry throttling as in gRFC A6; `codes` are the retryable ones, with `every_code` others take tokens too."""

    max_tokens: float
    ratio: float
    max_attempts: int
    codes: tuple[str, ...]
    every_code: bool = False

    def decisions(self, calls: Sequence[Call]) -> Iterator[tuple[bool, bool]]:
        """
        Yield for each failure that may be retried whether it was, and whether this throttle would have allowed it.

        The calls were placed one after the other, and all tokens are there at the first.
        """
        tokens = self.max_tokens
        for call in calls:
            for number, attempt in enumerate(call.attempts, start=1):
                retryable = attempt.code in self.codes
                if attempt.code == "OK":
                    tokens = min(self.max_tokens, tokens + self.ratio)
                elif retryable or self.every_code:
                    tokens = max(0.0, tokens - 1)
                if retryable and number < self.max_attempts:
                    yield number < len(call.attempts), tokens > self.max_tokens / 2 + 1e-9

    def explains(self, calls: Sequence[Call]) -> bool:
        """Say whether every decision would have been the same."""
        return all(was is allowed for was, allowed in self.decisions(calls))


def given(case: Case) -> Throttle | None:
    """Return the throttling that the gateway was given for this behaviour, None if it was given none."""
    tokens = case.config.get("retryThrottling")
    if not tokens:
        return None
    retry = case.methods[0]["retryPolicy"]
    codes = tuple(retry["retryableStatusCodes"])
    return Throttle(tokens["maxTokens"], tokens["tokenRatio"], retry["maxAttempts"], codes)


def other_throttling(case: Case) -> Finding | None:
    """The gateway was given retry throttling, and a different one, or none, is in effect."""
    throttle, calls = given(case), case.all_calls
    if throttle is None or throttle.explains(calls):
        return None
    decisions = list(throttle.decisions(calls))
    retried = [was for was, _ in decisions]
    if all(retried):
        beyond = sum(not allowed for _, allowed in decisions)
        seen = f"{len(retried)} of {many(len(retried), 'failure')} were retried, {beyond} with half the tokens used up"
        return certain("not_throttled", seen, "every failure was retried, however many there were")
    if not any(retried):
        return None
    withheld = sum(allowed and not was for was, allowed in decisions)
    seen = f"{many(withheld, 'failure was', 'failures were')} not retried"
    seen += " although more than half the tokens should have been left"
    if replace(throttle, every_code=True).explains(calls):
        others = sum(attempt.code not in {*throttle.codes, "OK"} for call in calls for attempt in call.attempts)
        seen += f", as if {many(others, 'failure')} with other codes had taken tokens too"
        return certain("non_retryable_codes_throttle", seen, "nothing else explains every decision")
    lower = [ratio for ratio in RATIOS if ratio < throttle.ratio and replace(throttle, ratio=ratio).explains(calls)]
    if not lower:
        return None
    seen += f", as with a tokenRatio of {lower[-1]:g} or less instead of {throttle.ratio:g}"
    return likely("retry_throttling", seen, "tokens used up before this behaviour would look similar")
