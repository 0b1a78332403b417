"""
The loopback environment: processes on separate addresses within 127.0.0.0/8, and our own name server.

    127.a.b.1     the name server, and the gateway's HTTP side
    127.a.b.2…    the replicas, all on port 5000

A run claims its a.b with a listening socket, so concurrent runs never collide.
"""

import contextlib
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

from tests.harness.plugin.this_run import RUN
from tests.harness.subject.files import filled_files, write_all
from tests.harness.subject.placeholders import Places
from tests.harness.subject.subject import Subject
from tests.harness.world.authority import Certificates
from tests.harness.world.direct import DirectCalls
from tests.harness.world.environment import Environment
from tests.harness.world.gateway import Gateway
from tests.harness.world.gateway_process import GatewayProcess
from tests.harness.world.ledgers import Witness
from tests.harness.world.readiness import once_serving
from tests.harness.world.replica import Replica, report_all_serving
from tests.harness.world.runs import folder_of_this_run
from tests.harness.world.streams import OpenStreams
from tests.harness.world.verdict import InconclusiveError
from tests.loopback import leftovers
from tests.loopback.channelz import LoopbackChannelz
from tests.loopback.dns import PREFIX, LoopbackDns
from tests.loopback.gateway import LoopbackGateway
from tests.loopback.listeners import LoopbackListeners
from tests.loopback.name_server import NameServer
from tests.loopback.peers import LoopbackPeers
from tests.loopback.process import end_fork_server
from tests.loopback.proxy import LoopbackProxy
from tests.loopback.replica import GRPC_PORT, HTTP_PORT, LoopbackReplica
from tests.loopback.shared import NAME, AddressPool
from tests.loopback.sidecars import Sidecar, sidecars
from tests.loopback.strangers import check_none_left

CLAIM_PORT = 4999

SLACK = 0.6
"""Seconds that a busy two-core machine may add to any promise (docs/lab/measurements.md)."""

NO_LOOPBACK = (
    "the loopback environment needs addresses in 127.0.0.0/8, and this machine has none but 127.0.0.1. "
    "Linux has them all. Elsewhere, run the suite in a Linux container or virtual machine or, on macOS, add "
    "the addresses for one run: for i in $(seq 1 40); do sudo ifconfig lo0 alias 127.1.1.$i; done"
)


class LoopbackEnvironment(Environment):
    """Gateway, replicas and name server as one running system; `listed` are the replicas that the name server lists."""

    name = "loopback"
    slack = SLACK

    def __init__(self, folder: Path, size: int) -> None:
        """Claim a subnet and start the name server. Raises InconclusiveError on a machine without 127.0.0.0/8."""
        super().__init__(size)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.listed: list[LoopbackReplica] = []
        self._known: list[LoopbackReplica] = []  # the first `size` of them are the ones that `restore` brings back
        self._claim, self._subnet = _claim_subnet()
        self.addresses = AddressPool(self._subnet, self._taken)
        self._ports = itertools.count(HTTP_PORT)
        self._sidecars: list[Sidecar] = []
        self._names = NameServer(f"{self._subnet}.1")
        self._names.start()
        self._certificates = Certificates(folder / "tls")
        self.dns = LoopbackDns(self, self._names, lambda: self.variant.target)
        self.peers = LoopbackPeers(self, self.dns)
        self.proxy = LoopbackProxy(self)
        self.channelz = LoopbackChannelz(self, f"{self._subnet}.1", self._ports, lambda: self._known)
        self.capabilities = {
            "dns": self.dns,
            "peers": self.peers,
            "listeners": LoopbackListeners(self, self.dns),
            "proxy": self.proxy,
            "channelz": self.channelz,
            "process": GatewayProcess(self),
            "direct": DirectCalls(self),
            "streams": OpenStreams(self, self._stream_placing),
        }

    # The world

    @property
    def replicas(self) -> list[LoopbackReplica]:
        """The replicas that the name server lists."""
        return self.listed

    @property
    def known(self) -> Sequence[Witness]:
        """Every replica and every peer that ever existed."""
        return [*self._known, *self.peers.all]

    def _tls_variables(self, mode: str) -> dict[str, str]:
        names = dict.fromkeys(f"{prefix}{self.variant.subject.backend.name}" for prefix in PREFIX.values())
        return self._certificates.replica_variables(mode, self.variant.subject.backend.name, names)

    def _gateway_output(self) -> dict[str, Path]:
        return {"stdout": self.folder / "gateway.out", "stderr": self.folder / "gateway.log"}

    def restore_replicas(self) -> None:
        """Bring back the full set of replicas, ready, listed and with the variant's variables."""
        while len(self._known) < self.size:
            self._new_replica()
        self.listed, extra = self._known[: self.size], self._known[self.size :]
        launched = [replica for replica in self.listed if not self._as_wanted(replica)]
        for replica in [*extra, *launched]:
            replica.ensure_dead()
        for capability in self.capabilities.values():
            capability.clean()
        for replica in launched:
            replica.ip = replica.home
            replica.launch(self.replica_variables)
        for replica in launched:
            replica.wait_until_ready()
        report_all_serving(self.listed)
        self.dns.publish()

    def _as_wanted(self, replica: LoopbackReplica) -> bool:
        return (
            replica.running
            and not replica.frozen
            and not replica.ledger.failure
            and replica.ip == replica.home
            and replica.variables == self.replica_variables
        )

    def _new_replica(self) -> LoopbackReplica:
        replica = LoopbackReplica(f"{NAME}-{len(self._known) + 1}", self.addresses.new(), self)
        self._known.append(replica)
        return replica

    def _launched(self, count: int) -> list[LoopbackReplica]:
        new = [self._new_replica() for _ in range(count)]
        for replica in new:
            replica.launch(self.replica_variables)
        for replica in new:
            replica.wait_until_ready()
        return new

    def _taken(self) -> set[str]:
        taken = {ip for replica in self._known for ip in (replica.ip, replica.home)}
        return taken | {sidecar.ip for sidecar in self._sidecars}

    def scale(self, count: int) -> float:
        """Run `count` replicas; a new one is ready before it is listed, an extra one is unlisted before it stops."""
        with self.disturb("scale", self.name, count=count) as verb:
            extra = self.listed[count:]
            self.listed = [*self.listed[:count], *self._launched(count - len(self.listed))]
            confirmed = self.dns.publish()
            for replica in extra:
                confirmed = replica.stop()
            return verb.confirmed(confirmed)

    def replace(self, old: Replica) -> float:
        """Start a replica at a new address, list it instead of `old`, then stop `old`; return when that had exited."""
        with self.disturb("replace", old.name) as verb:
            (new,) = self._launched(1)
            self.listed = [new if replica is old else replica for replica in self.listed]
            self.dns.publish()
            return verb.confirmed(old.stop())

    def restart_replicas(self, *, moved: bool = False, **variables: str) -> float:
        """Kill all replicas, restart them with these variables, if moved elsewhere; return when all are ready."""
        with self.disturb("restart", self.name, moved=moved, **variables) as verb:
            for replica in self.listed:
                replica.ensure_dead()
            for replica in self.listed:
                replica.launch({**self.replica_variables, **variables}, moved=moved)
            confirmed = max(replica.wait_until_ready() for replica in self.listed)
            return verb.confirmed(self.dns.publish() if moved else confirmed)

    def connections(self) -> dict[str, int]:
        """Return how many established connections, excluding our own, lead to each replica, by its name."""
        ends = [
            connection.raddr.ip.removeprefix("::ffff:")
            for connection in psutil.net_connections("tcp")
            if connection.raddr and connection.raddr.port == GRPC_PORT
            if connection.status == psutil.CONN_ESTABLISHED
            if connection.pid != os.getpid()  # a fence's connection may not be closed yet
        ]
        return {replica.name: ends.count(replica.ip) for replica in self.listed}

    def fence(self) -> None:
        """Read every ledger up to now."""
        for replica in self._known:
            replica.fence()
        self.peers.fence()

    # The gateway

    def fresh_gateway(self) -> float:
        """Replace the gateway with a new process that has served no call yet; return when it listened."""
        self._end_gateway(self.seat.leave())  # before the verb: its queries are not its successor's
        self._names.fence()
        with self.disturb("fresh gateway", "gateway") as verb:
            self.dns.gateway_began = time.monotonic()
            # a separate port for each start: sockets that a gateway leaves behind cannot trip its successor
            address = (f"{self._subnet}.1", next(self._ports))
            pointing = self._pointing()
            subject = self._placed(self._places(address, pointing["ORDER_SERVICE_TARGET"]))
            variables = self._variables_of_gateway({**pointing, **self.proxy.variables}, subject)
            self.seat.gateway = gateway = LoopbackGateway(
                subject, address, self.channelz.addressed(variables), self.folder
            )
            return verb.confirmed(
                self._own_calls.begun(self.orders(), once_serving(gateway, subject, gateway.listened))
            )

    def _end_gateway(self, gateway: Gateway | None) -> None:
        """End a gateway with all that it started. Raises InconclusiveError if something is left."""
        if isinstance(gateway, LoopbackGateway):
            gateway.end()
            if gateway.may_leave_something:
                check_none_left(gateway.address, self._subnet, GRPC_PORT)

    def _places(self, address: tuple[str, int], target: str) -> Places:
        """Return what a subject's placeholders stand for."""
        http_address = f"{address[0]}:{address[1]}"
        files = self._certificates.files(self.tls)
        return Places(http_address, target, self.dns.queried_name, GRPC_PORT, self._names.address, files)

    def _placed(self, places: Places) -> Subject:
        """Return the subject with these addresses in it, its files included."""
        folder = folder_of_this_run() / f"files-{self._subnet}"
        complete, copies = filled_files(self.variant.subject.files, places, str(folder))
        write_all(copies)
        return self.variant.subject.placed(complete)

    def _pointing(self) -> dict[str, str]:
        """Return the variables that point a gateway at our name server."""
        if self.variant.target == "cached":
            self._names.set(f"cached-{self.variant.subject.backend.name}", [replica.ip for replica in self.listed])
        if self.variant.target == "relayed" and not self._sidecars:
            own = [self.addresses.new() for _ in self.listed]
            self._sidecars = sidecars(own, [replica.home for replica in self.listed], GRPC_PORT)
            self._names.set(f"relayed-{self.variant.subject.backend.name}", own)
        target = f"dns://{self._names.address}/{self.dns.queried_name}:{GRPC_PORT}"
        if self.variant.target == "frozen":
            target = "ipv4:" + ",".join(replica.address for replica in self.listed)
        return {
            "ORDER_SERVICE_TARGET": target,
            "GRPC_DNS_RESOLVER": "ares",  # C-core: the native resolver ignores the authority
            "GRPC_NODE_USE_ALTERNATIVE_RESOLVER": "true",  # grpc-js: for the same reason
            **{name.upper(): file for name, file in self._certificates.files(self.tls).items()},
        }

    def end(self) -> None:
        """End every process, the name server and the claim; a second call does nothing."""
        with contextlib.ExitStack() as stack:  # each is ended, even if another cannot be
            stack.callback(super().end)
            stack.callback(self._claim.close)
            stack.callback(self._certificates.remove)
            stack.callback(self._names.stop)
            for sidecar in self._sidecars:
                stack.callback(sidecar.close)
            for capability in self.capabilities.values():
                stack.callback(capability.clean)
            for replica in self._known:
                stack.callback(replica.ensure_dead)
            self._end_gateway(self.seat.last())


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
    raise InconclusiveError("found no free subnet in 127.0.0.0/8 in 100 tries")


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
    """Kill what an earlier, killed run left behind, and note what this one may leave."""
    if RUN in config.stash:
        leftovers.sweep()
        leftovers.begin(config.stash[RUN])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Kill what an interrupted worker may have left behind."""
    if RUN in config.stash:  # not if an option was rejected earlier
        leftovers.end_all(config.stash[RUN])
