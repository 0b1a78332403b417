"""
How many seconds the machine took from those who are measured, and from those who measure, between two moments.

Starvation is an amount of time. The gateway's part is what its threads waited for a CPU (`resources` samples, once a
second; without them the `gateway late` events), that of the suite and the replicas is how late they woke. What the
gateway itself uses is not taken from it: of each moment only the part counts that others' use of CPUs has in that of
the whole machine. A gateway that keeps every CPU busy waits for itself, and keeps the suite waiting, too.

Many threads wait at the same time, so their waits are not added up: the machine takes the time in which at least one of
them waits. That follows from how long each one waited, if they do so independently, but for the two that waited most:
work may pass between these, and is held up by either. At the edges of a window all that was waited for within a sample
may have been within the window.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tests.harness.evidence.history import Event, History
from tests.harness.evidence.sampler import SAMPLE
from tests.harness.evidence.starvation import GATEWAY, KEPT_WAITING, REPLICA, SUITE
from tests.harness.world.timeline import Timeline

LOOKED_AT = frozenset({SUITE, REPLICA, GATEWAY, SAMPLE, "asked"})
"""The events that show it, and those that tell which replicas were frozen on purpose."""


@dataclass(frozen=True)
class _Use:
    """What was used between two samples: by the gateway, which waited, and by the machine, None if unknown."""

    began: float
    ended: float
    cpu: float
    waiting: float
    machine: float | None
    waits: Mapping[str, float] | None
    """How long each thread waited, None in an older record."""

    def overlap(self, since: float, until: float) -> float:
        """Return the seconds that this has in common with a window."""
        return max(0.0, min(self.ended, until) - max(self.began, since))


@dataclass(frozen=True)
class Taken:
    """What the machine took during a history."""

    history: History

    def lost(self, since: float, until: float) -> float:
        """
        Return the seconds that the machine took in a window, 0 if no one was too late in it (starvation.py).

        Who was late by less does not report it: so much is added, as suite and replicas share the gateway's machine.
        """
        if not self.late(since, until):
            return 0.0
        return min(self.seconds(since, until) + KEPT_WAITING, max(0.0, until - since))

    def seconds(self, since: float, until: float) -> float:
        """Return the seconds that others took in a window from gateway, suite and replicas."""
        uses = self._uses_in(since, until)
        spans = [_span(event) for event in self._lateness if not (uses and event.event == GATEWAY)]
        window = max(0.0, until - since)
        held_up = _held_up(uses, since, until) + _covered(spans, since, until)
        return min(held_up, window * _part_of_others(uses))

    def late(self, since: float, until: float) -> list[Event]:
        """Return who was too late in a window, where it is not the gateway that kept the CPUs busy."""
        in_it = [event for event in self._lateness if event.at >= since and event.at - seconds_of(event) <= until]
        seen = [event for event in in_it if self._by_others(event) > KEPT_WAITING]
        return [*seen, *(_lateness_in(use) for use in self._uses_in(since, until) if _rate(use) > KEPT_WAITING)]

    def _by_others(self, event: Event) -> float:
        since = event.at - max(1.0, seconds_of(event))
        return seconds_of(event) * _part_of_others(self._uses_in(since, event.at))

    @cached_property
    def _lateness(self) -> list[Event]:
        """Every event of lateness, except of replicas that were frozen on purpose."""
        asked = self.history.of_kind("asked")
        frozen = {event.members["on"] for event in asked if event.members["verb"] == "pause"}
        late = self.history.of_kind(GATEWAY, SUITE, REPLICA)
        return [event for event in late if event.members.get("replica") not in frozen]

    @cached_property
    def _uses(self) -> list[_Use]:
        """What was used between each two samples; another process is a gateway that started between them."""
        return [_use(before, after) for before, after in pairwise(self.history.of_kind(SAMPLE))]

    def _uses_in(self, since: float, until: float) -> list[_Use]:
        first = bisect_right(self._uses, since, key=lambda use: use.ended)
        after = bisect_left(self._uses, until, key=lambda use: use.began)
        return self._uses[first:after]


def taken_so_far(timeline: Timeline, since: float, until: float) -> float:
    """Return what was lost of a behaviour that is under way, between two monotonic times."""
    history = History.of(line for line in timeline.lines() if line["event"] in LOOKED_AT)
    return Taken(history).lost(since - timeline.began, until - timeline.began)


def seconds_of(event: Event) -> float:
    """Return by how much someone was late."""
    return float(event.members["seconds"])


def _rate(use: _Use) -> float:
    """
    Return how long others kept a thread of the gateway waiting in a second, on average between two samples.

    A gateway that has just started may have waited before a pulse (starvation.py) looked at it for the first time.
    """
    return _held_up([use], use.began, use.ended) / max(1.0, use.ended - use.began) * _part_of_others([use])


def _lateness_in(use: _Use) -> Event:
    return Event(use.ended, GATEWAY, {"seconds": _rate(use)})


def _use(before: Event, after: Event) -> _Use:
    old, new = before.members, after.members
    first = {"cpu": 0.0, "waiting": 0.0} if old["pid"] != new["pid"] else old
    known = old.get("machine") is not None and new.get("machine") is not None
    machine = new["machine"] - old["machine"] if known else None
    cpu, waiting = (max(0.0, new[name] - first[name]) for name in ("cpu", "waiting"))
    return _Use(before.at, after.at, cpu, waiting, machine, new.get("waits"))


def _held_up(uses: Sequence[_Use], since: float, until: float) -> float:
    """Return the seconds of a window in which at least one thread of the gateway waited for a CPU."""
    total: dict[str, float] = defaultdict(float)
    for use in uses:
        overlap, whole = use.overlap(since, until), since <= use.began and use.ended <= until
        if use.waits is None:
            total[""] += min(use.waiting, overlap)
            continue
        for thread, seconds in use.waits.items():
            total[thread] += seconds if whole else min(seconds, overlap)
    window = sum(use.overlap(since, until) for use in uses) or 1.0
    first, second, *others = [*sorted(total.values(), reverse=True), 0.0, 0.0]
    without = max(0.0, 1 - (first + second) / window) * math.prod(max(0.0, 1 - waited / window) for waited in others)
    return window * (1 - without)


def _part_of_others(uses: Iterable[_Use]) -> float:
    """Return the part that others had in the CPU time that was used, 1 where the machine's is not known."""
    counted = [(use.cpu, use.machine) for use in uses if use.machine]
    machine = sum(used for _, used in counted)
    own = sum(cpu for cpu, _ in counted)
    return max(0.0, 1 - own / machine) if machine else 1.0


def _span(event: Event) -> tuple[float, float]:
    """Return when someone was late; when within its second a gateway waited is not known, so this is its end."""
    return event.at - seconds_of(event), event.at


def _covered(spans: Iterable[tuple[float, float]], since: float, until: float) -> float:
    """Return how much of a window these spans cover, together."""
    total, reached = 0.0, since
    for began, ended in sorted(spans):
        total += max(0.0, min(ended, until) - max(began, reached))
        reached = max(reached, min(ended, until))
    return total
