"""
The Compose environment: containers of compose.yaml, found by one name through Docker's own name server.

The suite starts each container individually, from its service, as each has its own name and variables. Docker lists a
container under the name of its service from its start to its exit: no record can be set, and none outlives a container.
"""

import contextlib
import os
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from pytest_docker.plugin import get_docker_services

from tests.compose.container import Container, Launch, Project
from tests.compose.docker import DockerError, advised, check_answering, remove_project
from tests.compose.gateway import ComposeGateway
from tests.compose.images import FILE, LABEL_VARIABLE, label_of
from tests.compose.replica import ADDRESS, GRPC_PORT, SERVICE, ComposeReplica
from tests.harness.plugin.results import KEPT
from tests.harness.subject.placeholders import places_in_a_container
from tests.harness.world.containers import (
    CONTAINER_DELAY,
    CertificatesInContainers,
    in_parallel,
    pointing_at,
    restart_services,
)
from tests.harness.world.direct import DirectCalls
from tests.harness.world.environment import Environment
from tests.harness.world.gateway_process import GatewayProcess
from tests.harness.world.readiness import once_serving
from tests.harness.world.replica import Replica, report_all_serving
from tests.harness.world.streams import OpenStreams
from tests.harness.world.verdict import InconclusiveError

RESOLVER = "127.0.0.11:53"
"""Docker's name server, as containers see it."""

SLACK = 1.5
"""Seconds that a busy two-core machine and Docker may add to any promise (docs/reference/environments.md)."""


class ComposeNetwork:
    """The network between gateway and replicas (see `tests.harness.world.capabilities.Network`)."""

    def __init__(self, environment: "ComposeEnvironment") -> None:
        self._environment = environment

    def cut(self, replica: ComposeReplica) -> float:
        """Disconnect a replica from its network: packets are dropped, and Docker's name server no longer lists it."""
        with self._environment.disturb("disconnect", replica.name) as verb:
            return verb.confirmed(replica.do_disconnect())

    def clean(self) -> None:
        """Nothing to do: a replica without a network is replaced with a new container."""

    def keep_evidence(self) -> None:
        """Nothing to do: the verb is all there is."""


class ComposeEnvironment(Environment):
    """Gateway and replicas as one Compose project."""

    name = "compose"
    slack = SLACK
    ledger_delay = CONTAINER_DELAY
    keeps_gateway = True

    def __init__(self, project: Project, size: int) -> None:
        super().__init__(size)
        self.project = project
        self._listed: list[ComposeReplica] = []
        self._known: list[ComposeReplica] = []  # the first `size` of them are the ones that `restore` brings back
        self._started = 0
        self._placeholders: list[Container] = []
        self._certificates = CertificatesInContainers(project.folder / "tls")
        self.capabilities = {
            "network": ComposeNetwork(self),
            "process": GatewayProcess(self),
            "direct": DirectCalls(self),
            "streams": OpenStreams(self, self._stream_placing),
        }

    # The world

    @property
    def replicas(self) -> list[ComposeReplica]:
        """The replicas that currently belong to the service."""
        return self._listed

    @property
    def known(self) -> list[ComposeReplica]:
        """Every replica that ever existed."""
        return self._known

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service; it listens where the subject dials."""
        listens = {} if (port := self.variant.subject.backend.port) == GRPC_PORT else {ADDRESS: f"0.0.0.0:{port}"}
        return {**listens, **super().replica_variables}

    @property
    def replica_names(self) -> Sequence[str]:
        """The names under which every order service is listed: its own, and the one that the subject dials."""
        return list(dict.fromkeys((SERVICE, self.variant.subject.backend.name)))

    def _tls_variables(self, mode: str) -> dict[str, str]:
        return self._certificates.replica_variables(mode, self.variant.subject.backend.name)

    def replica_files(self) -> Mapping[str, bytes]:
        """Return the certificates of every order service, by their paths; none in plaintext."""
        return self._certificates.replica_files(self.variant.subject.backend.name) if self.tls else {}

    def _gateway_output(self) -> dict[str, Path]:
        return {"stdout": self.project.folder / "gateway.out", "stderr": self.project.folder / "gateway.log"}

    def next_number(self) -> int:
        """Return a unique number for a container."""
        self._started += 1
        return self._started

    def restore_replicas(self) -> None:
        """Bring back the full set of replicas, ready, listed and with the variant's variables."""
        while len(self._known) < self.size:
            self._new_replica()
        self._listed, extra = self._known[: self.size], self._known[self.size :]
        stale = [
            replica for replica in self._listed if not replica.reachable or replica.variables != self.replica_variables
        ]
        gone = [container for replica in (*extra, *stale) if (container := replica.detach_instance())]
        gone, self._placeholders = gone + self._placeholders, []
        if stale:
            self._disturbed = True
        launches = [partial(replica.launch, self.replica_variables) for replica in stale]
        in_parallel([*(container.remove for container in gone), *launches])
        for replica in stale:
            replica.wait_until_ready()
        report_all_serving(self._listed)

    def _new_replica(self) -> ComposeReplica:
        replica = ComposeReplica(f"{SERVICE}-{len(self._known) + 1}", self)
        self._known.append(replica)
        return replica

    def _launch(self, replicas: list[ComposeReplica], variables: Mapping[str, str]) -> float:
        """Start a container for each and return when all were ready; earlier containers are left alone."""
        in_parallel([partial(replica.launch, variables) for replica in replicas])
        return max((replica.wait_until_ready() for replica in replicas), default=0.0)

    def occupy(self, ip: str) -> None:
        """
        Occupy this address, if it is free, with an unlisted container, so that nothing else gets it.

        Docker hands out the lowest free address, so those below it are occupied as well.
        """
        wanted = IPv4Address(ip)
        while True:
            sleeps = Launch(SERVICE, "placeholder", self.next_number(), instead=("sleep", "infinity"))
            self._placeholders.append(placeholder := Container(self.project, sleeps))
            if IPv4Address(placeholder.ip) >= wanted:
                return

    def scale(self, count: int) -> float:
        """Run `count` replicas. Docker lists a new one shortly before it is ready, and an extra one until it exits."""
        with self.disturb("scale", self.name, count=count) as verb:
            kept, extra = self.replicas[:count], self.replicas[count:]
            new = [self._new_replica() for _ in range(count - len(kept))]
            confirmed = self._launch(new, self.replica_variables)
            self._listed = [*kept, *new]
            return verb.confirmed(max([confirmed, *(replica.stop() for replica in extra)]))

    def replace(self, old: Replica) -> float:
        """Start a replica at a new address, then stop `old`; return when that had exited."""
        with self.disturb("replace", old.name) as verb:
            new = self._new_replica()
            self._launch([new], self.replica_variables)
            self._listed = [new if replica is old else replica for replica in self.replicas]
            return verb.confirmed(old.stop())

    def restart_replicas(self, *, moved: bool = False, **variables: str) -> float:
        """
        Kill all replicas, restart them with these variables, if moved elsewhere; return when all are ready.

        If moved, the new containers are ready before the old ones are killed: otherwise Docker would hand out the old
        addresses again, and while the name does not exist the resolver's own backoff would come into play.
        """
        with self.disturb("restart", self.name, moved=moved, **variables) as verb:
            wanted = {**self.replica_variables, **variables}
            if self.records_stay and not moved:
                return verb.confirmed(restart_services(self.replicas, wanted))
            before = [replica.instance for replica in self.replicas]
            if not moved:
                in_parallel([container.remove for container in before])
                return verb.confirmed(self._launch(self.replicas, wanted))
            self._launch(self.replicas, wanted)
            confirmed = in_parallel([container.kill for container in before])
            in_parallel([container.remove for container in before])
            return verb.confirmed(max(confirmed))

    def connections(self) -> dict[str, int]:
        """Return how many established connections lead to the order service of each replica, by its name."""
        return {replica.name: replica.connections() for replica in self.replicas}

    def fence(self) -> None:
        """Read every ledger up to now. Raises DockerError immediately if the engine is known to answer nothing."""
        check_answering("reading the ledgers")
        for replica in self._known:
            replica.fence()

    # The gateway

    def fresh_gateway(self) -> float:
        """Replace the gateway with a new container that has served no call yet; return when it listened."""
        before = self.seat.leave()
        with self.disturb("fresh gateway", "gateway") as verb:
            if before is not None:
                before.end()
            pointing = self._pointing()
            judged = self.variant.subject
            places = places_in_a_container(pointing, judged.backend, resolver=RESOLVER)
            complete, files = self._certificates.filled(self.tls, judged.files, places)
            subject = judged.placed(complete)
            variables = self._variables_of_gateway({**pointing, **self._certificates.variables(self.tls)}, subject)
            self.seat.gateway = gateway = ComposeGateway(
                self.project, self.next_number(), variables, subject.image_command, files
            )
            return verb.confirmed(once_serving(gateway, subject, gateway.listened))

    def _pointing(self) -> dict[str, str]:
        """Return the variables that point a gateway at the target of a mutant, none for the real service."""
        if self.variant.target == "all":
            return pointing_at(self.variant.subject.backend)
        if self.variant.target == "one":  # the name of one container
            return {"ORDER_SERVICE_TARGET": f"dns:///{self.replicas[0].instance.host}:{GRPC_PORT}"}
        if self.variant.target == "frozen":
            return {"ORDER_SERVICE_TARGET": "ipv4:" + ",".join(replica.address for replica in self.replicas)}
        raise InconclusiveError(f"Compose has no target {self.variant.target!r}")

    # The end

    def how_to_look(self) -> list[str]:
        """Return the commands to inspect what is kept, and to remove it."""
        compose = f"docker compose --file {shlex.quote(str(self.project.file))} --project-name {self.project.name}"
        orders = [f"curl {self.seat.gateway.url}/orders/1"] if self.seat.gateway else []
        return [f"kept on Compose, {self.variant.subject.name}:", *orders, f"{compose} ps", f"{compose} down"]

    def end(self) -> None:
        """Remove every container; a second call does nothing. Their output is kept."""
        if (gateway := self.seat.last()) is not None:
            gateway.end()
        left = [container for replica in self._known if (container := replica.detach_instance())]
        in_parallel([container.remove for container in (*left, *self._placeholders)])
        self._placeholders = []
        self._certificates.remove()
        super().end()


# pytest-docker runs Compose: the command, the file, the name of the project, its network up and down. We start the
# containers, since `up` gives all replicas of a service the same variables. Its own fixture `docker_services` is not
# used: it leaves everything behind if `up` fails.


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    """The file, which can also be used by hand."""
    return str(FILE)


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    """A name unique to this run; process ids, pytest-docker's choice, repeat between containers and machines."""
    return f"grpc-lb-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """The command that creates what must exist before the first container: the network."""
    return ["up --no-start --no-build --scale gateway=0 --scale order-service=0"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """The command that takes everything down."""
    return ["down --volumes --remove-orphans --timeout 0"]


@pytest.fixture(scope="session")
def compose_project(
    request: pytest.FixtureRequest, report_folder: Path, docker_compose_file: str, docker_compose_project_name: str
) -> Project:
    """The project of this worker, as Compose reads it from its file."""
    folder = report_folder / "compose" / getattr(request.config, "workerinput", {}).get("workerid", "")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[LABEL_VARIABLE] = label_of(request.config)
    return Project.of(Path(docker_compose_file), docker_compose_project_name, folder)


@contextlib.contextmanager
def network(project: Project, *compose: Any, keep: bool) -> Iterator[None]:  # noqa: ANN401, pytest-docker's fixtures
    """
    Bring up the project's network, and take it down. Raises DockerError if it cannot be created.

    The file is part of the command: pytest-docker's shell would expand what is between its double quotes.
    """
    command, file, setup, cleanup = compose
    with_file = f"{command} --file={shlex.quote(file)}"
    services = get_docker_services(with_file, [], project.name, setup, [] if keep else cleanup)
    try:
        services.__enter__()
    except Exception as error:  # noqa: BLE001, pytest-docker raises nothing more specific
        reason = str(error).strip('". ').splitlines()[-1]
        raise DockerError(advised(f"the network of {project.name} cannot be created: {reason}")) from None
    try:
        yield
    finally:
        services.__exit__(None, None, None)


@pytest.fixture(scope="session")
def compose(  # noqa: PLR0913, PLR0917, pytest-docker's fixtures
    request: pytest.FixtureRequest,
    compose_project: Project,
    docker_compose_command: str,
    docker_compose_file: str,
    docker_setup: list[str],
    docker_cleanup: list[str],
) -> Iterator[ComposeEnvironment]:
    """Run the Compose environment for the session, or for this worker's part of it."""
    keep = bool(request.config.getoption("--keep"))
    environment = ComposeEnvironment(compose_project, request.config.getoption("--replicas"))
    pytest_docker = (docker_compose_command, docker_compose_file, docker_setup, docker_cleanup)
    try:
        with network(compose_project, *pytest_docker, keep=keep):
            try:
                yield environment
            finally:
                if keep:
                    request.config.stash[KEPT] += environment.how_to_look()
                else:
                    environment.end()
    finally:
        if not keep:
            remove_project(compose_project.name)
