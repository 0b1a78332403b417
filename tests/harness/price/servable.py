"""
When a replica could serve: the only time in which a call that fails, or waits, is a price.

It is read from the verbs of a behaviour, from those that were seen to have taken effect. What is not known to serve
counts as not serving: a name server that fails, a listener in place of a replica, a certificate that is wrong, a
replica that is frozen. So a call that nothing could have served is never a price, at the cost of leaving out some that
something could.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.harness.evidence.history import AskedVerb, Event, History

HARMLESS = frozenset({"restore", "give", "give records a lifetime", "alias the name", "publish a dead address"})
"""Verbs after which every replica can serve as before."""

LOSSES = frozenset({"stop", "kill", "pause", "disconnect", "evict", "unlist", "take readiness", "fail probe"})
"""Verbs that take one replica out of service, from the moment at which they are requested."""

RETURNS = frozenset({"start", "resume", "give readiness"})
"""Verbs that put one replica back into service, once they were seen to have taken effect."""

_AS_BEFORE = frozenset(
    {
        *("at", "time", "event", "verb", "on", "moved"),
        *("MAX_CONNECTION_AGE_MS", "MAX_CONNECTION_IDLE_MS", "DRAIN_GRACE_MS", "LOAD_REPORT"),
    }
)
"""The members of a verb that starts a replica with which that certainly serves; a short grace cuts calls, say."""

_SERVING, _PUBLISHED, _RESOLVED = "replica serving", "published", "resolved"

_ONLY_DEAD = "a dead address is listed, until the next list"


@dataclass(frozen=True)
class Arrival:
    """
    A replica that was put into service, at an address that is `new` to the gateway or at the one it had.

    `ready` is when the replica itself served, and `listed` when it was confirmed to serve, and to be listed if the
    address is new. `lost_one` tells whether a connection was lost with that, as when one
    replica replaces another: only then does a gateway that does not poll have a reason to re-resolve.
    """

    replica: str
    verb: str
    ready: float
    listed: float
    new: bool
    lost_one: bool


@dataclass
class Servable:
    """
    The spans of one behaviour in which a replica could serve, oldest first, and the replicas that came into service.

    `silent` are the spans in which a replica was listed and did not answer, its connections being open; `losses` are
    when a replica was lost, and `healed` when the name server answered correctly again.
    """

    spans: list[tuple[float, float]] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    silent: list[tuple[float, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    healed: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, history: History) -> "Servable":
        """Read it from what was done to the world."""
        return _World(history).read()

    def throughout(self, since: float, until: float) -> bool:
        """Say whether a replica could serve during all of that time."""
        index = bisect_right(self.spans, (since, math.inf)) - 1
        return index >= 0 and self.spans[index][0] <= since and until <= self.spans[index][1]

    def possible_from(self, since: float) -> float | None:
        """Return when a replica could serve from that time on, None if none could any more."""
        return min((max(since, begun) for begun, ended in self.spans if ended > since), default=None)


class _World:
    """What is known to serve, step by step; `_off` names what keeps all replicas from being found."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._found = Servable()
        self._listed: set[str] = set()
        self._up: set[str] = set()
        self._off: set[str] = set()
        self._since: float | None = None
        self._paused: dict[str, float] = {}

    def read(self) -> Servable:
        """Go through everything that was done since the world was restored."""
        restored = [verb for verb in self._history.verbs if verb.verb == "restore" and verb.confirmed is not None]
        listed = [event.members["replicas"] for event in self._history.of_kind("listed")]
        if not restored or not listed:
            return self._found
        began = restored[-1].confirmed or 0.0
        self._listed = set(listed[-1])
        self._up = set(self._listed)
        self._look(began)
        # a list is published by the verb that is confirmed with it
        for at, step in sorted(self._steps(began), key=lambda pair: (pair[0], not isinstance(pair[1], Event))):
            self._take(at, step)
            self._look(at)
        self._close(math.inf)
        self._found.silent += [(since, math.inf) for since in self._paused.values()]
        return self._found

    def _steps(self, began: float) -> Iterator[tuple[float, tuple[str, AskedVerb] | Event]]:
        """Yield each verb when it was requested and when it was confirmed, and what else changes the world."""
        for verb in self._history.verbs:
            if verb.asked >= began and verb.verb not in HARMLESS:
                yield verb.asked, ("asked", verb)
                if verb.confirmed is not None:
                    yield verb.confirmed, ("confirmed", verb)
        for event in self._history.of_kind(_PUBLISHED, "gateway ended"):
            if event.at >= began:
                yield event.at, event
        for call in self._history.calls:
            if call.sent >= began and (":health=" in call.id or ":ready=" in call.id):
                yield call.sent, Event(call.sent, "a plan changes what a replica reports", {})

    def _take(self, at: float, step: tuple[str, AskedVerb] | Event) -> None:
        if isinstance(step, Event):
            if step.event == _PUBLISHED:
                self._off.discard(_ONLY_DEAD)
            else:
                self._off.add(step.event)
            return
        phase, verb = step
        (self._asked if phase == "asked" else self._confirmed)(at, verb)

    def _asked(self, at: float, verb: AskedVerb) -> None:
        name, on = verb.verb, verb.on
        if name in LOSSES or (name == "say health" and verb.members.get("status") != "SERVING"):
            self._lose(at, verb)
        elif name in RETURNS or name in {"say health", "scale", "heal names"}:
            pass
        elif name == "replace":
            self._up.discard(on)
            self._found.losses.append(at)
        elif name == "restart":
            self._up.clear()
            self._found.losses.append(at)
        elif name == "list in order":
            self._up &= set(verb.members["replicas"])
        else:
            # a fresh gateway is there once it listens; names are found once they are healed; the rest is not known
            self._off.add(name)

    def _lose(self, at: float, verb: AskedVerb) -> None:
        self._up.discard(verb.on)
        self._found.losses.append(at)
        if verb.verb in {"pause", "disconnect"}:
            self._paused.setdefault(verb.on, at)
        if verb.verb == "unlist" or any(
            scale.asked <= at <= (scale.confirmed or at) for scale in self._history.verbs if scale.verb == "scale"
        ):
            self._listed.discard(verb.on)

    def _confirmed(self, at: float, verb: AskedVerb) -> None:
        name, on = verb.verb, verb.on
        if name == "heal names":
            self._off.discard("fail names")
            self._found.healed.append(at)
        elif name == "list a dead address only":
            self._off = self._off - {name} | {_ONLY_DEAD}
        elif name == "fresh gateway":
            self._off -= {"fresh gateway", "stop gateway"}
        elif name in RETURNS and verb.members.keys() <= _AS_BEFORE:
            self._silent_until(on, at)
            self._return(at, verb, [on])
        elif name == "say health" and verb.members.get("status") == "SERVING":
            self._up |= {on} & self._listed
        elif name == "restart":
            for replica in list(self._paused):
                self._silent_until(replica, at)
            if verb.members.keys() <= _AS_BEFORE:
                self._return(at, verb, sorted(self._listed))
        elif name in {"scale", "replace"}:
            self._listed -= {on} if name == "replace" else set()
            self._return(at, verb, self._newcomers(verb))

    def _return(self, at: float, verb: AskedVerb, names: list[str]) -> None:
        new = verb.verb in {"scale", "replace", "give readiness"} or bool(verb.members.get("moved"))
        new |= any(verb.asked <= event.at <= at for event in self._history.of_kind(_RESOLVED))
        moved = bool(verb.members.get("moved")) or verb.verb in {"scale", "replace"}
        for replica in names if moved else [name for name in names if name in self._listed]:
            served = [event.at for event in self._serving(verb) if event.members["replica"] == replica]
            lost_one = verb.verb not in {"scale", "give readiness"}
            ready = max(served, default=at)
            self._found.arrivals.append(Arrival(replica, verb.verb, ready, at, new=new, lost_one=lost_one))
            self._listed.add(replica)
            self._up.add(replica)

    def _newcomers(self, verb: AskedVerb) -> list[str]:
        return sorted({event.members["replica"] for event in self._serving(verb)} - self._listed)

    def _serving(self, verb: AskedVerb) -> list[Event]:
        until = verb.confirmed or verb.asked
        return [event for event in self._history.of_kind(_SERVING) if verb.asked <= event.at <= until]

    def _silent_until(self, replica: str, at: float) -> None:
        if replica in self._paused:
            self._found.silent.append((self._paused.pop(replica), at))

    def _look(self, at: float) -> None:
        """Begin a span where a replica can serve from now on, and end it where none can."""
        serves = bool(self._up) and not self._off
        if serves and self._since is None:
            self._since = at
        elif not serves:
            self._close(at)

    def _close(self, at: float) -> None:
        if self._since is not None and at > self._since:
            self._found.spans.append((self._since, at))
        self._since = None


def own_configuration(history: History) -> bool:
    """Say whether the gateway ran as it always does: what a behaviour configured is not what its users have."""
    given: list[Mapping[str, object]] = [
        verb.members.get("gateway_variables", {}) for verb in history.verbs if verb.verb in {"restore", "give"}
    ]
    return not any(given)
