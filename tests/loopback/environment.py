"""
The loopback environment: processes on addresses of their own within 127.0.0.0/8, and our own name server.

    127.a.b.1     the name server, and the gateway's HTTP side
    127.a.b.2…    the replicas, all on port 5000

A run claims its a.b by a listening socket, so runs side by side never meet.
"""

import dataclasses
import errno
import itertools
import os
import random
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from tests.harness.world.environment import Replica, Witness
from tests.harness.world.health import all_serving
from tests.harness.world.verdict import InconclusiveError
from tests.loopback.channelz import Channelz
from tests.loopback.dns import NameVerbs
from tests.loopback.gateway import LoopbackGateway
from tests.loopback.listed import NAME
from tests.loopback.listener import Listening
from tests.loopback.listing import Listing
from tests.loopback.name_server import NameServer, Query
from tests.loopback.process import LABEL, end_all, end_fork_server, run_label, sweep
from tests.loopback.proxy import Proxied
from tests.loopback.replica import GRPC_PORT, HTTP_PORT, LoopbackReplica
from tests.loopback.sidecars import Sidecar, sidecars
from tests.loopback.silence import Silence

CLAIM_PORT = 4999
IPS = range(2, 255)

SLACK = 0.6
"""Seconds that a busy two-core machine may add to any promise (docs/lab/measurements.md)."""

_OURS = pytest.StashKey[str]()

NO_LOOPBACK = (
    "this machine has no addresses in 127.0.0.0/8 besides 127.0.0.1, which the loopback environment needs. "
    "Linux has them all. Elsewhere run the suite inside a Linux container or virtual machine, or, on macOS, add "
    "the addresses of one run: for i in $(seq 1 40); do sudo ifconfig lo0 alias 127.1.1.$i; done"
)


class LoopbackEnvironment(NameVerbs, Listing, Silence, Listening, Proxied, Channelz):
    """Gateway, replicas and name server as one running system."""

    name = "loopback"
    slack = SLACK

    def __init__(self, folder: Path, size: int) -> None:
        """Claim a subnet and start the name server. Raises InconclusiveError on a machine without 127.0.0.0/8."""
        super().__init__(size)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._listed: list[LoopbackReplica] = []
        self._known: list[LoopbackReplica] = []  # the first `size` of them are the ones that `restore` brings back
        self._claim, self._subnet = _claim_subnet()
        self._ips = itertools.cycle(IPS)
        self._ports = itertools.count(HTTP_PORT)
        self.gateway_began = time.monotonic()
        self._sidecars: list[Sidecar] = []
        self.names = NameServer(f"{self._subnet}.1")
        self.names.start()

    # The world

    @property
    def replicas(self) -> list[LoopbackReplica]:
        """The replicas that the name server lists."""
        return self._listed

    @property
    def known(self) -> Sequence[Witness]:
        """Every replica, and every peer, that there ever was."""
        return [*self._known, *self.peers]

    @property
    def gateway_output(self) -> dict[str, Path]:
        """The files of `Process`."""
        return {"stdout": self.folder / "gateway.out", "stderr": self.folder / "gateway.log"}

    def restore_replicas(self) -> None:
        """Bring back the full set of replicas, ready, listed and with the variant's variables."""
        while len(self._known) < self.size:
            self._new_replica()
        self._listed, extra = self._known[: self.size], self._known[self.size :]
        launched = [replica for replica in self.replicas if not self._as_wanted(replica)]
        for replica in [*extra, *launched]:
            replica.ensure_dead()
        self._end_helpers()
        for replica in launched:
            replica.ip = replica.home
            replica.launch(self.replica_variables)
        for replica in launched:
            replica.wait_until_ready()
        all_serving(self._listed)
        self.heal_every_name()
        self.publish()

    def _end_helpers(self) -> None:
        """End whatever a behaviour had listed beside the replicas, or set before them."""
        self.end_peers()
        self.end_listeners()
        self.end_proxy()
        self.close_doors()

    def _as_wanted(self, replica: LoopbackReplica) -> bool:
        return (
            replica.running
            and not replica.frozen
            and replica.ip == replica.home
            and replica.variables == self.replica_variables
        )

    def _new_replica(self) -> LoopbackReplica:
        replica = LoopbackReplica(f"{NAME}-{len(self._known) + 1}", self.new_ip(), self)
        self._known.append(replica)
        return replica

    def _launched(self, count: int) -> list[LoopbackReplica]:
        new = [self._new_replica() for _ in range(count)]
        for replica in new:
            replica.launch(self.replica_variables)
        for replica in new:
            replica.wait_until_ready()
        return new

    def publish(self, *, first: Sequence[str] = (), also: Sequence[str] = (), instead: bool = False) -> float:
        """Put addresses into the name server (see `Listed`)."""
        addresses = [] if instead else [replica.ip for replica in self.replicas]
        self.names.set(NAME, [*first, *addresses, *also])
        self.names.set(f"one-{NAME}", addresses[:1])
        self.names.set(f"subset-{NAME}", addresses[:-1])
        self.names.set(f"weighted-{NAME}", [*addresses[:1], *addresses])
        published = time.monotonic()
        self.timeline.record("published", published, addresses=[*first, *addresses, *also])
        return published

    def publish_dead_address(self) -> str:
        """List an address beside the replicas' where nothing listens; return it."""
        with self.disturb("publish a dead address", "name server") as asked:
            dead = self.new_ip()
            asked.confirmed(self.publish(also=[dead]))
            return dead

    def scale(self, count: int) -> float:
        """Run `count` replicas; a new one is ready before it is listed, one too many is unlisted before it stops."""
        with self.disturb("scale", self.name, count=count) as asked:
            extra = self.replicas[count:]
            self._listed = [*self.replicas[:count], *self._launched(count - len(self.replicas))]
            confirmed = self.publish()
            for replica in extra:
                confirmed = replica.stop()
            return asked.confirmed(confirmed)

    def replace(self, old: Replica) -> float:
        """Start a replica at a new address, list it instead of `old`, then stop `old`; return when that was gone."""
        with self.disturb("replace", old.name) as asked:
            (new,) = self._launched(1)
            self._listed = [new if replica is old else replica for replica in self.replicas]
            self.publish()
            return asked.confirmed(old.stop())

    def restart_replicas(self, *, moved: bool = False, **variables: str) -> float:
        """Kill all replicas, start them with these variables, at new addresses if moved; return when all are ready."""
        with self.disturb("restart", self.name, moved=moved, **variables) as asked:
            for replica in self.replicas:
                replica.ensure_dead()
            for replica in self.replicas:
                replica.launch({**self.replica_variables, **variables}, moved=moved)
            confirmed = max(replica.wait_until_ready() for replica in self.replicas)
            return asked.confirmed(self.publish() if moved else confirmed)

    def new_ip(self) -> str:
        """Return an address of this run that nothing uses; the least recently used comes first."""
        taken = {ip for replica in self._known for ip in (replica.ip, replica.home)}
        taken |= {sidecar.ip for sidecar in self._sidecars}
        return next(ip for last in self._ips if (ip := f"{self._subnet}.{last}") not in taken)

    def connections(self) -> dict[str, int]:
        """Return how many established connections, our own left out, lead to each replica, by its name."""
        ends = [
            one.raddr.ip.removeprefix("::ffff:")
            for one in psutil.net_connections("tcp")
            if one.raddr and one.raddr.port == GRPC_PORT and one.status == psutil.CONN_ESTABLISHED
            if one.pid != os.getpid()  # a fence's connection may not be closed yet
        ]
        return {replica.name: ends.count(replica.ip) for replica in self.replicas}

    def fence(self) -> None:
        """Read every ledger up to now."""
        for replica in self._known:
            replica.fence()
        for peer in self.peers:
            peer.fence()

    def queries(self, since: float) -> list[Query]:
        """Return the gateway's questions for addresses of the order service since a monotonic time."""
        return [query for query in self.names.queries(since=since) if query.kind == "A" and NAME in query.name]

    def wait_for_query(self, since: float, within: float) -> Query | None:
        """Return the first question for addresses after `since`, None if none came within that many seconds of it."""
        return self.names.wait_for_query(self.asked_name, since=since, within=within)

    # The gateway

    def fresh_gateway(self) -> float:
        """Replace the gateway by a new process that has served no call yet; return when it listened."""
        if self.gateway is not None:
            self.gateway.end()  # before the verb: what this one asked the name server is not its successor's
            self.names.fence()
        with self.disturb("fresh gateway", "gateway") as asked:
            self.gateway_began = time.monotonic()
            # a port of its own for each start: a gateway that leaves sockets behind cannot trip its successor
            address = (f"{self._subnet}.1", next(self._ports))
            variables = self.with_channelz(self.variables_of_gateway({**self._pointing(), **self.proxy_variables}))
            self.gateway = LoopbackGateway(self.variant.subject, address, variables, self.folder)
            return asked.confirmed(self.gateway.listened)

    def _pointing(self) -> dict[str, str]:
        """Return the variables that point a gateway at our name server."""
        if self.variant.target == "cached":
            self.names.set(f"cached-{NAME}", [replica.ip for replica in self.replicas])
        if self.variant.target == "relayed" and not self._sidecars:
            own = [self.new_ip() for _ in self.replicas]
            self._sidecars = sidecars(own, [replica.home for replica in self.replicas], GRPC_PORT)
            self.names.set(f"relayed-{NAME}", own)
        target = f"dns://{self.names.address}/{self.asked_name}:{GRPC_PORT}"
        if self.variant.target == "frozen":
            target = "ipv4:" + ",".join(replica.address for replica in self.replicas)
        return {
            "ORDER_SERVICE_TARGET": target,
            "GRPC_DNS_RESOLVER": "ares",  # C-core: the native resolver ignores the authority
            "GRPC_NODE_USE_ALTERNATIVE_RESOLVER": "true",  # grpc-js: likewise
        }

    # Evidence and end

    def complete_timeline(self) -> None:
        """
        Add to the timeline what the ledgers and the name server's query log hold for it.

        A gateway that was there before has asked before: those questions are kept too, at times below 0.
        """
        super().complete_timeline()
        since = min(self.gateway_began, self.timeline.began)
        queries = self.names.queries(since=since)
        self.keep_events("dns ", [{"event": "query", **dataclasses.asdict(query)} for query in queries], since)

    def end(self) -> None:
        """End every process, the name server and the claim; a second call does nothing."""
        if self.gateway is not None:
            self.gateway.end()
        for replica in self._known:
            replica.ensure_dead()
        self._end_helpers()
        for sidecar in self._sidecars:
            sidecar.close()
        self.names.stop()
        self._claim.close()


def _claim_subnet() -> tuple[socket.socket, str]:
    """Return a listening socket and the subnet "127.a.b" that it claims for this run."""
    for _ in range(100):
        subnet = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"  # noqa: S311, no secret
        claim = socket.socket()
        try:
            claim.bind((f"{subnet}.1", CLAIM_PORT))
            claim.listen()
        except OSError as error:
            claim.close()
            if error.errno != errno.EADDRINUSE:
                raise InconclusiveError(NO_LOOPBACK) from error
        else:
            return claim, subnet
    raise InconclusiveError("no free subnet in 127.0.0.0/8 after 100 tries")


@pytest.fixture(scope="session")
def loopback(request: pytest.FixtureRequest, report_folder: Path) -> Iterator[LoopbackEnvironment]:
    """Run the loopback environment for the session, or for this worker's part of it."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "")
    environment = LoopbackEnvironment(report_folder / "loopback" / worker, request.config.getoption("--replicas"))
    try:
        yield environment
    finally:
        environment.end()
        end_fork_server()


def pytest_configure(config: pytest.Config) -> None:
    """Label all that this run starts, workers included, and end what an earlier, killed run left."""
    if _starts_processes(config):
        os.environ[LABEL] = config.stash[_OURS] = run_label()
        sweep()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what a worker that was interrupted may have left."""
    if _OURS in config.stash:  # not where an option was refused before
        end_all(config.stash[_OURS])


def _starts_processes(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput") and not config.getoption("--replay")
