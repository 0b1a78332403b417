"""The name server of the loopback environment: what it lists, how it fails, and what it was queried for."""

import dataclasses
import time
from collections.abc import Callable, Sequence

from tests.harness.subject.backend import NAME
from tests.harness.subject.service_configs import about_method
from tests.harness.world.capabilities import Query
from tests.harness.world.replica import Replica
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.name_server import (
    EMPTY,
    IN_ORDER,
    NXDOMAIN,
    SERVFAIL,
    SILENT,
    STALE,
    TRUNCATED,
    NameServer,
    slow,
)
from tests.loopback.shared import CapabilityEnvironment

PREFIX = {
    "all": "",
    "frozen": "",
    "one": "one-",
    "weighted": "weighted-",
    "relayed": "relayed-",
    "cached": "cached-",
    "subset": "subset-",
}
"""The prefix of the name that a gateway is pointed at, for each target of a mutant."""

TEXT = "_grpc_config"
"""The label before a name whose TXT record holds the service config (gRFC A2)."""

ALIASES = ("blue", "eu-1")
"""The labels before a name that make the names of its chain of aliases."""

SLOW = 2.0
"""Seconds that a slow name server takes over an answer."""

FAULTS = {
    "NXDOMAIN": NXDOMAIN,
    "EMPTY": EMPTY,
    "SERVFAIL": SERVFAIL,
    "SILENT": SILENT,
    "STALE": STALE,
    "TRUNCATED": TRUNCATED,
    "SLOW": slow(SLOW),
}
"""The faults that a behaviour can request, by their names in a timeline."""


class LoopbackDns:
    """
    The name server as behaviours see it (see `tests.harness.world.capabilities.Dns`).

    `target` returns what the gateway is pointed at, `gateway_began` is when its start was requested (monotonic).
    """

    def __init__(self, environment: CapabilityEnvironment, names: NameServer, target: Callable[[], str]) -> None:
        self._environment, self._names, self._target = environment, names, target
        self.gateway_began = time.monotonic()

    @property
    def _name(self) -> str:
        begun = hasattr(self._environment, "variant")  # there is none before the first behaviour
        return self._environment.variant.subject.backend.name if begun else NAME

    # What it lists

    @property
    def queried_name(self) -> str:
        """The name that the gateway is pointed at."""
        return f"{PREFIX[self._target()]}{self._name}"

    def publish(self, *, first: Sequence[str] = (), also: Sequence[str] = (), instead: bool = False) -> float:
        """List addresses: those in `first`, the replicas' unless `instead`, those in `also`; return when."""
        addresses = [] if instead else [replica.ip for replica in self._environment.listed]
        self._names.set(self._name, [*first, *addresses, *also])
        self._names.set(f"one-{self._name}", addresses[:1])
        self._names.set(f"subset-{self._name}", addresses[:-1])
        self._names.set(f"weighted-{self._name}", [*addresses[:1], *addresses])
        published = time.monotonic()
        self._environment.timeline.record("published", published, addresses=[*first, *addresses, *also])
        return published

    def keep_order(self) -> None:
        """List addresses in the same order in every answer, until healed."""
        self._names.fail(self._name, IN_ORDER)

    def unlist(self, replica: Replica) -> float:
        """Remove the record of a replica, which keeps running. Raises InconclusiveError if it has none."""
        with self._environment.disturb("unlist", replica.name) as verb:
            if replica not in self._environment.listed:
                raise InconclusiveError(f"{replica.name} is not listed")
            self._environment.listed = [other for other in self._environment.listed if other is not replica]
            return verb.confirmed(self.publish())

    def list_in_order(self, names: Sequence[str]) -> float:
        """List exactly the replicas of these names, in this order in every answer."""
        with self._environment.disturb("list in order", "name server", replicas=list(names)) as verb:
            listed = {replica.name: replica for replica in self._environment.listed}
            self._environment.listed = [listed[name] for name in names]
            self.keep_order()
            return verb.confirmed(self.publish())

    def list_a_dead_address(self) -> str:
        """List an address where nothing listens in addition to the replicas'; return it."""
        with self._environment.disturb("publish a dead address", "name server") as verb:
            dead = self._environment.addresses.new()
            verb.confirmed(self.publish(also=[dead]))
            return dead

    def list_only_a_dead_address(self) -> float:
        """Until `publish`, list one address where nothing listens instead of the replicas', which keep running."""
        with self._environment.disturb("list a dead address only", "name server") as verb:
            return verb.confirmed(self.publish(also=[self._environment.addresses.new()], instead=True))

    def alias(self) -> float:
        """Answer that the name is an alias (CNAME) of a name that is an alias too, of one that has the addresses."""
        with self._environment.disturb("alias the name", "name server") as verb:
            self._names.alias(self.queried_name, *(f"{label}.{self.queried_name}" for label in ALIASES))
            return verb.confirmed(time.monotonic())

    def set_ttl(self, seconds: int) -> float:
        """Answer with records of this TTL instead of 0."""
        with self._environment.disturb("give records a lifetime", "name server", seconds=seconds) as verb:
            self._names.set(self.queried_name, [replica.ip for replica in self._environment.listed], ttl=seconds)
            return verb.confirmed(time.monotonic())

    def publish_txt(self, text: str) -> float:
        """Make this the TXT record that holds a service config (gRFC A2); with "" there is none."""
        with self._environment.disturb("publish a text record", "name server", text=text) as verb:
            self._names.set_text(self._txt_name, about_method(text, self._environment.variant.subject.judged_method))
            if text:
                self._names.heal(self._txt_name)
            else:
                self._names.fail(self._txt_name, NXDOMAIN)
            return verb.confirmed(time.monotonic())

    @property
    def _txt_name(self) -> str:
        return f"{TEXT}.{self.queried_name}"

    # How it fails

    def fail(self, fault: str, *, kinds: Sequence[str] = ()) -> float:
        """Answer queries for the name with a fault of `FAULTS`, for these record types or all."""
        with self._environment.disturb("fail names", "name server", fault=fault, kinds=list(kinds)) as verb:
            self._names.fail(self.queried_name, FAULTS[fault].only(*kinds))
            return verb.confirmed(time.monotonic())

    def heal(self) -> float:
        """Answer queries for the name correctly again."""
        with self._environment.disturb("heal names", "name server") as verb:
            self._names.heal(self.queried_name)
            return verb.confirmed(time.monotonic())

    def clean(self) -> None:
        """Remove every fault and service config, for every target of a gateway, and the log of earlier behaviours."""
        self._names.forget(self._first)
        for prefix in PREFIX.values():
            self._names.heal(f"{prefix}{self._name}")
            self._names.alias(f"{prefix}{self._name}")
            self._names.fail(f"{TEXT}.{prefix}{self._name}", NXDOMAIN)

    # What it was queried for

    def queries(self) -> list[Query]:
        """Return all queries of the gateway since it was started, of any type and name."""
        return self._names.queries(since=self.gateway_began)

    def address_queries(self, since: float) -> list[Query]:
        """Return the gateway's queries for addresses of the order service since a monotonic time."""
        return [query for query in self._names.queries(since=since) if query.kind == "A" and self._name in query.name]

    def wait_for_query(self, since: float, within: float) -> Query | None:
        """Return the first query for addresses after `since`, None if none arrived within that many seconds of it."""
        return self._names.wait_for_query(self.queried_name, since=since, within=within)

    def wait_for_txt_query(self, since: float, within: float) -> Query | None:
        """Return the first query for the TXT record after `since`, None if none arrived within that many seconds."""
        return self._names.wait_for_query(self._txt_name, kind="TXT", since=since, within=within)

    def keep_evidence(self) -> None:
        """
        Add the query log to the timeline.

        A gateway that was already running has queried before: those queries are kept too, at times below 0.
        """
        queries = self._names.evidence(self._first)
        events = [{"event": "query", **dataclasses.asdict(query)} for query in queries]
        self._environment.timeline.keep("dns ", events, self._first)

    @property
    def _first(self) -> float:
        """When the first query may have arrived that belongs to this behaviour."""
        return min(self.gateway_began, self._environment.timeline.began)
