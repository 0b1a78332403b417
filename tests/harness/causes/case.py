"""
What a rule looks at: the history of one behaviour and what the subject promises. Facts, no opinions.

Rule 1: what counts is what the gateway under judgement did, so nothing from before its start.
Rule 2: a fact that the environment cannot know is absent, never guessed: `answers` is None where DNS is not ours.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Any

from services.order.faults import PlanError, parse_order_id
from tests.harness.evidence.history import AskedVerb, Call, Connection, History, SeenAttempt, SeenQuery
from tests.harness.subject.promises import Promises
from tests.harness.subject.service_configs import attempts_of, policy_of
from tests.harness.world.environment import GIVEN

SOON = 0.02
"""Seconds within which the ledgers cannot tell whether a call was made before or after the answer to another one."""

LATE = 0.25
"""Seconds that a replica may take at most to report that a connection was closed: two polls and some."""

HARMLESS = ("restore", "fresh gateway")
"""Verbs that do not harm the gateway under judgement."""


class Sureness(StrEnum):
    """How far the evidence carries."""

    CERTAIN = "certain"
    LIKELY = "likely"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Finding:
    """
    What a rule found: the causes it names (several where the evidence does not tell them apart), and why.

    `seen` is one sentence with numbers, `because` states what makes it sure, or what would decide.
    """

    suspects: tuple[str, ...]
    seen: str
    sureness: Sureness
    because: str


def certain(cause: str, seen: str, because: str) -> Finding:
    """Return a finding that nothing else explains."""
    return Finding((cause,), seen, Sureness.CERTAIN, because)


def likely(cause: str, seen: str, because: str) -> Finding:
    """Return a finding that something rarer could explain too; `because` names it."""
    return Finding((cause,), seen, Sureness.LIKELY, because)


def undecided(causes: Sequence[str], seen: str, decides: str) -> Finding:
    """Return a finding that leaves several causes; `decides` states what would tell them apart."""
    return Finding(tuple(causes), seen, Sureness.UNDECIDED, decides)


@dataclass(frozen=True)
class Case:
    """One behaviour that failed. Times are those of its history; `unsupported` are features that the subject lacks."""

    history: History
    promises: Promises = field(default_factory=Promises)
    unsupported: frozenset[str] = frozenset()

    # The gateway under judgement, and since when

    @cached_property
    def born(self) -> float:
        """When the gateway under judgement was requested; minus infinity if that was before this history."""
        return max((verb.asked for verb in self.history.verbs if verb.verb == "fresh gateway"), default=-float("inf"))

    @property
    def fresh(self) -> bool:
        """Whether this history holds all that the gateway ever did."""
        return self.born > -float("inf")

    @cached_property
    def began(self) -> float:
        """When judging began: the world was restored, and the gateway is the one that is judged."""
        restored = [verb.confirmed or verb.asked for verb in self.history.verbs if verb.verb == "restore"]
        return max([self.born, *restored])

    @cached_property
    def faults(self) -> list[AskedVerb]:
        """What was done to the world of this gateway since judging began, oldest first."""
        return [verb for verb in self.history.verbs if verb.asked >= self.began and verb.verb not in HARMLESS]

    def faults_of(self, *verbs: str) -> list[AskedVerb]:
        """Return those faults that are one of these verbs and were seen to have taken effect."""
        return [fault for fault in self.faults if fault.verb in verbs and fault.confirmed is not None]

    @cached_property
    def world(self) -> dict[str, str]:
        """The variables that the replicas run with, as far as recorded: the last value of each."""
        found: dict[str, str] = {}
        for verb in self.history.verbs:
            given = verb.members.get("replica_variables", verb.members)
            found.update({key: value for key, value in given.items() if key.isupper()})
        return found

    @cached_property
    def given(self) -> Mapping[str, str]:
        """The variables that the gateway was started with for this behaviour, in addition to those it always has."""
        found = [
            verb.members.get("gateway_variables", {}) for verb in self.history.verbs if verb.verb in {"restore", GIVEN}
        ]
        return dict(found[-1]) if found else {}

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The service config that the gateway was given for this behaviour, empty if it was given none."""
        found: Mapping[str, Any] = json.loads(self.given.get("GRPC_SERVICE_CONFIG") or "{}")
        return found

    @property
    def methods(self) -> Sequence[Mapping[str, Any]]:
        """Its `methodConfig`."""
        found: Sequence[Mapping[str, Any]] = self.config.get("methodConfig", ())
        return found

    def settings_of(self, policy: str) -> Mapping[str, Any]:
        """Return the settings in it for a load-balancing policy, none if it does not name that policy."""
        policies = self.config.get("loadBalancingConfig", ())
        return next((each[policy] for each in policies if policy in each), {})

    @cached_property
    def policy(self) -> str:
        """The load-balancing policy that the gateway should use; "" if the service config it was given is not valid."""
        given = self.given.get("GRPC_SERVICE_CONFIG")
        return self.promises.policy if given is None else policy_of(given)

    @property
    def deadline(self) -> float:
        """The seconds that a call may take, infinite if the subject promises no deadline."""
        return self.promises.call_timeout or math.inf

    @cached_property
    def max_attempts(self) -> int:
        """The attempts that a call may make: by the service config that the gateway was given, or else as promised."""
        given = self.given.get("GRPC_SERVICE_CONFIG")
        return self.promises.max_attempts if given is None else attempts_of(given)

    @cached_property
    def replicas(self) -> list[str]:
        """The replicas that were listed when judging began, or else all that the ledgers know."""
        listed = [event.members["replicas"] for event in self.history.of_kind("listed")]
        known = {event.members["replica"] for event in self.history.events if "replica" in event.members}
        return list(listed[-1]) if listed else sorted(known)

    # Calls and attempts

    @cached_property
    def all_calls(self) -> list[Call]:
        """Every call that this gateway was given, including those that let it settle."""
        return [call for call in self.history.calls if call.sent >= self.born]

    @cached_property
    def calls(self) -> list[Call]:
        """The calls since judging began."""
        return [call for call in self.history.calls if call.sent >= self.began]

    @cached_property
    def retried(self) -> list[Call]:
        """
        The calls of this gateway that were made again after a failure: some layer of it retries.

        A ledger has the answer that was planned, also for an attempt that ended with its replica.
        """
        ends = [verb for verb in self.history.verbs if verb.verb in {"kill", "stop"}]
        return [call for call in self.all_calls if any(_again(*pair, ends) for pair in pairwise(call.attempts))]

    @property
    def numbers(self) -> bool:
        """Whether gRPC's own retries would be numbered: a missing one proves nothing of a library without them."""
        return "previous-attempts" not in self.unsupported

    @cached_property
    def attempts(self) -> list[SeenAttempt]:
        """Their attempts, in order of arrival."""
        return sorted((attempt for call in self.calls for attempt in call.attempts), key=lambda attempt: attempt.at)

    @cached_property
    def failed(self) -> list[Call]:
        """The calls that were not served."""
        return [call for call in self.calls if not call.ok]

    @cached_property
    def by_caller(self) -> dict[tuple[str, int], list[Call]]:
        """All calls of this gateway by the connection that they came over."""
        found: dict[tuple[str, int], list[Call]] = defaultdict(list)
        for call in self.all_calls:
            found[call.id.partition("-")[0], call.caller].append(call)
        return found

    @cached_property
    def connections(self) -> list[Connection]:
        """
        The connections to listed replicas that were open during judging; none if the ledgers record none.

        No one records the end of a connection to a replica that was killed long ago, and that is not listed.
        """
        return [
            connection
            for connection in self.history.connections
            if connection.replica in self.replicas
            and (connection.closed is None or connection.closed > self.began + LATE)
        ]

    @property
    def ended(self) -> float:
        """When the last call was answered, or given up."""
        return max((call.received for call in self.calls), default=self.began)

    # DNS

    @cached_property
    def answers(self) -> list[SeenQuery] | None:
        """The queries for addresses since the gateway started; None where the DNS server is not ours."""
        if not self.history.of_kind("published"):
            return None
        return [query for query in self.history.queries if query.at >= self.born and query.kind == "A"]


def tally(names: Iterable[str]) -> str:
    """Return counts in words: "30/0/0", in the order of names."""
    counts = Counter(names)
    return "/".join(str(counts[name]) for name in sorted(counts)) or "none"


def _again(first: SeenAttempt, second: SeenAttempt, ends: Sequence[AskedVerb]) -> bool:
    """Say whether an attempt was made because another one had failed."""
    mine = [end for end in ends if end.on == first.replica]
    cut = any(first.at <= (end.confirmed or end.asked) and end.asked <= second.at for end in mine)
    return bool(second.previous_attempts) or first.code != "OK" or cut


def planned_delay(attempt: SeenAttempt) -> float:
    """Return how many seconds the order's plan makes the replica take over this attempt."""
    try:
        return parse_order_id(attempt.id).step_for(attempt.previous_attempts or 0, attempt.replica).delay
    except PlanError:
        return 0.0


def peers(over: Iterable[SeenAttempt | Connection]) -> dict[str, set[str]]:
    """Return the connections of attempts, or those that the ledgers record, by replica."""
    found: dict[str, set[str]] = defaultdict(set)
    for seen in over:
        found[seen.replica].add(seen.peer)
    return found


def serial(calls: Sequence[Call]) -> bool:
    """Say whether each of these calls was answered before the next one was sent."""
    return all(call.received <= following.sent for call, following in pairwise(calls))


def said(verb: AskedVerb) -> str:
    """Return what was done to the world, as part of a sentence: "order-service-1 was killed"."""
    words = {
        "scale": "a replica was added",
        "restart": "all replicas were restarted",
        "replace": f"{verb.on} was replaced",
        "start": f"{verb.on} returned",
        "stop": f"{verb.on} was stopped",
        "kill": f"{verb.on} was killed",
        "pause": f"{verb.on} fell silent",
        "disconnect": f"{verb.on} was cut off from the network",
    }
    elsewhere = " at a new address" if verb.members.get("moved") else ""
    return words.get(verb.verb, f"{verb.verb} of {verb.on}") + elsewhere


def many(count: int, noun: str, nouns: str = "") -> str:
    """Return "1 call", "2 calls"."""
    return f"{count} {noun}" if count == 1 else f"{count} {nouns or noun + 's'}"


def times(count: int) -> str:
    """Return "once", "2 times"."""
    return "once" if count == 1 else f"{count} times"
