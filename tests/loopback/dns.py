"""What can be done to the names of the loopback environment: its name server's faults, and the records themselves."""

import time
from collections.abc import Sequence

from tests.harness.world.environment import Replica
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.listed import NAME, Listed
from tests.loopback.name_server import EMPTY, NXDOMAIN, SERVFAIL, SILENT, STALE, TRUNCATED, Query

PREFIX = {
    "all": "",
    "frozen": "",
    "one": "one-",
    "weighted": "weighted-",
    "relayed": "relayed-",
    "cached": "cached-",
    "subset": "subset-",
}
"""How the name that a gateway is pointed at begins, for each world of a mutant."""

TEXT = "_grpc_config"
"""What stands before a name for the service config in its TXT record (gRFC A2)."""

FAULTS = {
    "NXDOMAIN": NXDOMAIN,
    "EMPTY": EMPTY,
    "SERVFAIL": SERVFAIL,
    "SILENT": SILENT,
    "STALE": STALE,
    "TRUNCATED": TRUNCATED,
}
"""The faults that a behaviour can ask for, by the words that a timeline holds."""


class NameVerbs(Listed):
    """
    The verbs of names. They take hold with the next question: whoever judges them waits for that, and for its answer.

    `gateway_began` is when the gateway was asked for, on the monotonic clock.
    """

    gateway_began: float

    @property
    def asked_name(self) -> str:
        """The name that the gateway is pointed at."""
        return f"{PREFIX[self.variant.target]}{NAME}"

    def fail_names(self, fault: str, *, kinds: Sequence[str] = ()) -> float:
        """Answer questions for the name wrongly, as `FAULTS` has it; those of these kinds, such as "AAAA", or all."""
        with self.disturb("fail names", "name server", fault=fault, kinds=list(kinds)) as asked:
            self.names.fail(self.asked_name, FAULTS[fault].only(*kinds))
            return asked.confirmed(time.monotonic())

    def heal_names(self) -> float:
        """Answer questions for the name rightly again."""
        with self.disturb("heal names", "name server") as asked:
            self.names.heal(self.asked_name)
            return asked.confirmed(time.monotonic())

    def heal_every_name(self) -> None:
        """Leave no fault and no service config behind, whatever world the gateway before was pointed at."""
        for prefix in PREFIX.values():
            self.names.heal(f"{prefix}{NAME}")
            self.names.fail(f"{TEXT}.{prefix}{NAME}", NXDOMAIN)

    def unlist(self, replica: Replica) -> float:
        """Take the record of a replica out of the name server; it lives on. Raises InconclusiveError if it has none."""
        with self.disturb("unlist", replica.name) as asked:
            if replica not in self._listed:
                raise InconclusiveError(f"{replica.name} is not listed")
            self._listed = [each for each in self._listed if each is not replica]
            return asked.confirmed(self.publish())

    def list_only_a_dead_address(self) -> float:
        """List one address where nothing listens instead of the replicas', which live on, until `publish`."""
        with self.disturb("list a dead address only", "name server") as asked:
            return asked.confirmed(self.publish(also=[self.new_ip()], instead=True))

    def give_records_a_lifetime(self, seconds: int) -> float:
        """Answer with records of this lifetime (TTL) instead of 0."""
        with self.disturb("give records a lifetime", "name server", seconds=seconds) as asked:
            self.names.set(self.asked_name, [replica.ip for replica in self._listed], ttl=seconds)
            return asked.confirmed(time.monotonic())

    def publish_text(self, text: str) -> float:
        """Make this the TXT record in which gRFC A2 has a service config; with "" there is none."""
        with self.disturb("publish a text record", "name server", text=text) as asked:
            name = f"{TEXT}.{self.asked_name}"
            self.names.set_text(name, text)
            if text:
                self.names.heal(name)
            else:
                self.names.fail(name, NXDOMAIN)
            return asked.confirmed(time.monotonic())

    def wait_for_text_query(self, since: float, within: float) -> Query | None:
        """Return the first question for that TXT record since a monotonic time, None if none came in the time."""
        name = f"{TEXT}.{self.asked_name}"
        return self.names.wait_for_query(name, kind="TXT", since=since, within=within)

    def questions(self) -> list[Query]:
        """Return all that the gateway has asked the name server since it was started, of every kind and name."""
        return self.names.queries(since=self.gateway_began)
