"""
What a run cost in all, where most of it came from, and what a setting would make of it.

Every figure is from a timeline, and every bound from the promises and from gRPC's own rules: that of a setting is the
most that a client which keeps its other promises would need with it. It is a bound, never a forecast.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.harness.causes.settings import SETTINGS, fitting
from tests.harness.price import price
from tests.harness.price.price import NAME, NEW_ADDRESS, RETURNED, SILENT, Found, Outage, Price
from tests.harness.subject.promises import JITTER, Promises
from tests.harness.subject.service_configs import about_method

SHORT = 1.0
"""Seconds of the interval and of the backoff that bounds are given for: a second of either costs next to nothing."""

WORST_OUTAGE = "worst outage"

UNKNOWN = "unknown"
"""The member of a price that could not be worked out, which is a bug of the suite: why."""

NOT_THERE = ("not configurable", "no setting", "tonic has no")
"""How a setting begins that a library does not have."""

_SCALES = {"scale", "give readiness"}

_ENDED = {
    NEW_ADDRESS: " until replicas at new addresses were found",
    RETURNED: " until replicas that had returned were connected",
    NAME: " until the name was resolved again",
    SILENT: " with a silent replica",
}
_AFTER = {"start": "a start", "restart": "a restart of all", "replace": "a replacement", "scale": "scaling up"}
_AFTER |= {"resume": "a pause", "give readiness": "readiness"}


@dataclass(frozen=True)
class Setting:
    """
    What would make a figure smaller: its `name`, `how` it is set in the subject's library, and why that helps.

    `bound` is the most that would be left, in seconds or in calls as `unit` tells; null where it follows from nothing.
    """

    name: str
    bound: float | None
    unit: str
    because: str
    how: str

    def __str__(self) -> str:
        """As the table and the page show it."""
        left = "" if self.bound is None else f"at most {_amount(self.bound, self.unit)} with "
        return f"{left}{self.name} ({self.because}): {self.how}" if self.because else f"{left}{self.name}: {self.how}"


@dataclass(frozen=True)
class Item:
    """One figure of the bill: `what` it is, in `words`, in which behaviour, what that came to, and what may help."""

    what: str
    words: str
    behaviour: str
    environment: str
    verdict: str
    seconds: float | None
    settings: Sequence[Setting]


@dataclass(frozen=True)
class Priced:
    """What one judged behaviour cost, with its id, environment and verdict."""

    behaviour: str
    environment: str
    verdict: str
    members: Mapping[str, Any]

    @property
    def price(self) -> Price:
        """The price by its members, as report.json has them."""
        return price.of(self.members)


def bill(every: Sequence[Priced], promises: Promises, language: str, method: str = "") -> dict[str, Any] | None:
    """
    Return what all behaviours cost together, as report.json has it; None if none of them shows a call that counts.

    `language` is that of the settings, as in causes/settings.py, `method` the one that is judged.
    """
    if not every:
        return None
    priced = [one for one in every if UNKNOWN not in one.members]
    offers = _Offers(promises, language, method)
    return {
        "calls": sum(one.price.calls for one in priced),
        "lost": sum(one.price.lost for one in priced),
        UNKNOWN: {one.behaviour: one.members[UNKNOWN] for one in every if UNKNOWN in one.members},
        "items": [asdict(item) for item in (*_lost(priced, offers), *_slowest(priced, offers))],
    }


def _lost(priced: Sequence[Priced], offers: "_Offers") -> Iterator[Item]:
    calls, lost = sum(one.price.calls for one in priced), sum(one.price.lost for one in priced)
    if not lost:
        return
    most = max(priced, key=lambda one: one.price.lost)
    words = f"{lost:,} of {calls:,} that a replica could have served"
    words += f"; {most.price.lost:,} of {most.price.calls:,} in one behaviour" if most.price.lost < lost else ""
    reached, in_time = sum(one.price.reached for one in priced), sum(one.price.in_time for one in priced)
    yield _item("calls lost", words, most, None, list(offers.for_lost(lost, reached, in_time)))


def _slowest(priced: Sequence[Priced], offers: "_Offers") -> Iterator[Item]:
    outages = [(outage, one) for one in priced if (outage := one.price.outage)]
    if outages:
        outage, one = max(outages, key=lambda pair: pair[0].seconds)
        settings = list(offers.for_wait(outage.waited_for, outage.seconds))
        yield _item(WORST_OUTAGE, _outage(outage), one, outage.seconds, settings)
    discoveries = [(found, one) for one in priced if (found := one.price.discovery)]
    if discoveries:
        found, one = max(discoveries, key=lambda pair: pair[0].seconds)
        settings = [*offers.for_wait(NEW_ADDRESS, found.seconds), *offers.for_added(found)]
        yield _item("slowest discovery", _found(found, "at a new address"), one, found.seconds, settings)
    recoveries = [(found, one) for one in priced if (found := one.price.recovery)]
    if recoveries:
        found, one = max(recoveries, key=lambda pair: pair[0].seconds)
        settings = list(offers.for_wait(RETURNED, found.seconds))
        yield _item("slowest recovery", _found(found, "back at its address"), one, found.seconds, settings)


def _outage(outage: Outage) -> str:
    waited = outage.calls - outage.lost
    parts = [f"{outage.lost:,} of {outage.calls:,} calls failed"] if outage.lost else []
    parts += [f"{waited:,} waited or were served in between"] if waited else []
    ended = _ENDED.get(outage.waited_for, "")
    return f"{outage.seconds:.1f} s{ended}, although a replica could serve: {', '.join(parts)}"


def _found(found: Found, where: str) -> str:
    after = _AFTER.get(found.after, found.after)
    if not found.found:
        return f"more than {found.seconds:.1f} s: {found.replica}, {where} after {after}, got no connection and no call"
    return f"{found.seconds:.1f} s until {found.replica}, {where} after {after}, got its first connection or call"


def _item(what: str, words: str, one: Priced, seconds: float | None, settings: Sequence[Setting]) -> Item:
    rounded = None if seconds is None else round(seconds, 3)
    return Item(what, words, one.behaviour, one.environment, one.verdict, rounded, settings)


class _Offers:
    """The settings that may help a subject with these promises, each with the bound that follows from them."""

    def __init__(self, promises: Promises, language: str, method: str) -> None:
        self._promises = promises
        self._language = language
        self._method = method

    def for_lost(self, lost: int, reached: int, in_time: int) -> Iterator[Setting]:
        """Yield what would have saved lost calls: of those that reached a replica, and of those that reached none."""
        if reached and not self._promises.has("retries"):
            why = f"{reached:,} of them reached a replica, and a retry goes to another one"
            yield self._setting("retries", "retry", lost - reached, "calls", why)
        if in_time and not self._promises.wait_for_ready:
            why = f"{in_time:,} of them could have waited: calls were served again before their deadline"
            yield self._setting("wait_for_ready", "wait", lost - in_time, "calls", why)

    def for_wait(self, waited_for: str, seconds: float) -> Iterator[Setting]:
        """Yield what would shorten a wait of so many seconds."""
        promised = self._promises
        back = f"{promised.reconnects_within:g} s"
        if waited_for == NEW_ADDRESS and promised.min_resolution_interval > SHORT:
            bound, now = SHORT + promised.reconnects_within, f"{promised.min_resolution_interval:g} s"
            if bound < seconds:
                name = f"a minimum re-resolution interval of {SHORT:g} s"
                why = f"that and the promised {back} to connect; {now} are promised now"
                yield self._setting(name, "resolution", bound, "seconds", why)
        elif waited_for == RETURNED and promised.reconnects_within > SHORT:
            bound = SHORT * (1 + JITTER)
            if bound < seconds:
                name = f"a longest reconnect backoff of {SHORT:g} s"
                why = f"that with its jitter of a fifth; {back} are promised now"
                yield self._setting(name, "reconnect", bound, "seconds", why)
        elif waited_for == SILENT and not promised.has("keepalive"):
            why = "a connection that stays silent is closed after the keepalive time plus its timeout"
            yield self._setting("keepalive", "keepalive", None, "seconds", why)

    def for_added(self, found: Found) -> Iterator[Setting]:
        """Yield what lets a replica be found that is added while no connection is lost."""
        if found.after in _SCALES and not self._promises.refresh_interval:
            why = "without polling an added replica is found only after the next lost connection, which this bounds"
            yield self._setting("a maximum connection age", "connection_age", None, "seconds", why)

    def _setting(self, name: str, group: str, bound: float | None, unit: str, why: str) -> Setting:
        how = about_method("\n".join(fitting(SETTINGS[group], self._language)), self._method)
        if how.startswith(NOT_THERE):
            return Setting(name, None, unit, "", how)
        return Setting(name, bound, unit, why, how)


def _amount(bound: float, unit: str) -> str:
    return f"{bound:.1f} s" if unit == "seconds" else f"{bound:,.0f} lost calls"


def setting_words(members: Mapping[str, Any]) -> str:
    """Return a setting of report.json in words."""
    return str(Setting(**members))
