"""
The Compose environment: containers of compose.yaml, found by one name through Docker's own name server.

The suite starts each container by itself, made after its service, as each has a name and variables of its own. Docker
lists a container from its start to its end under the name of its service: there is no record that could be set, and
none that outlives a container.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from pytest_docker.plugin import get_docker_services

from tests.compose.container import Container, Project
from tests.compose.docker import DockerError, advised, remove_project
from tests.compose.gateway import ComposeGateway
from tests.compose.images import FILE, LABEL_VARIABLE, label_of
from tests.compose.replica import GRPC_PORT, SERVICE, ComposeReplica
from tests.harness.plugin.reporting import KEPT
from tests.harness.world.environment import Environment, side_by_side
from tests.harness.world.replica import Replica, all_serving
from tests.harness.world.verdict import InconclusiveError

SLACK = 1.5
"""Seconds that a busy two-core machine and Docker may add to any promise (docs/reference/environments.md)."""


class ComposeNetwork:
    """The network between gateway and replicas (see `tests.harness.world.capabilities.Network`)."""

    def __init__(self, world: "ComposeEnvironment") -> None:
        self._world = world

    def cut(self, replica: ComposeReplica) -> float:
        """Take a replica's network away: packets from and to it vanish, and Docker's name server forgets it."""
        with self._world.disturb("disconnect", replica.name) as asked:
            return asked.confirmed(replica.do_disconnect())

    def clean(self) -> None:
        """Leave it: a replica without a network is replaced by a new container."""

    def keep_evidence(self) -> None:
        """Leave it: there is nothing but the verb."""


class ComposeEnvironment(Environment):
    """Gateway and replicas as one Compose project."""

    name = "compose"
    slack = SLACK
    keeps_gateway = True

    def __init__(self, project: Project, size: int) -> None:
        super().__init__(size)
        self.project = project
        self._listed: list[ComposeReplica] = []
        self._known: list[ComposeReplica] = []  # the first `size` of them are the ones that `restore` brings back
        self._started = 0
        self._placeholders: list[Container] = []
        self.capabilities = {"network": ComposeNetwork(self)}

    # The world

    @property
    def replicas(self) -> list[ComposeReplica]:
        """The replicas that belong to the service now."""
        return self._listed

    @property
    def known(self) -> list[ComposeReplica]:
        """Every replica that there ever was."""
        return self._known

    def _gateway_output(self) -> dict[str, Path]:
        return {"stdout": self.project.folder / "gateway.out", "stderr": self.project.folder / "gateway.log"}

    def next_number(self) -> int:
        """Return a number for a container; no two have the same."""
        self._started += 1
        return self._started

    def restore_replicas(self) -> None:
        """Bring back the full set of replicas, ready, listed and with the variant's variables."""
        while len(self._known) < self.size:
            self._new_replica()
        self._listed, extra = self._known[: self.size], self._known[self.size :]
        stale = [each for each in self._listed if not each.serving or each.variables != self.replica_variables]
        gone = [container for each in (*extra, *stale) if (container := each.leave_instance())]
        gone += self._placeholders
        self._placeholders = []
        if stale:
            self._disturbed = True
        launches = [partial(each.launch, self.replica_variables) for each in stale]
        side_by_side([*(container.remove for container in gone), *launches])
        for each in stale:
            each.wait_until_ready()
        all_serving(self._listed)

    def _new_replica(self) -> ComposeReplica:
        replica = ComposeReplica(f"{SERVICE}-{len(self._known) + 1}", self)
        self._known.append(replica)
        return replica

    def _launch(self, replicas: list[ComposeReplica], variables: Mapping[str, str]) -> float:
        """Start a container for each and return when all were ready; those before them are left as they are."""
        side_by_side([partial(each.launch, variables) for each in replicas])
        return max((each.wait_until_ready() for each in replicas), default=0.0)

    def occupy(self, ip: str) -> None:
        """
        Take this address, if it is free, with a container that nobody finds, so that nothing else gets it.

        Docker gives out the lowest address that is free, so what is free below it is taken as well.
        """
        wanted = IPv4Address(ip)
        while True:
            placeholder = Container(
                self.project, SERVICE, "placeholder", self.next_number(), {}, instead=("sleep", "infinity")
            )
            self._placeholders.append(placeholder)
            if IPv4Address(placeholder.ip) >= wanted:
                return

    def scale(self, count: int) -> float:
        """Run `count` replicas. Docker lists a new one shortly before it is ready, and one too many until it ends."""
        with self.disturb("scale", self.name, count=count) as asked:
            kept, extra = self.replicas[:count], self.replicas[count:]
            new = [self._new_replica() for _ in range(count - len(kept))]
            confirmed = self._launch(new, self.replica_variables)
            self._listed = [*kept, *new]
            return asked.confirmed(max([confirmed, *(replica.stop() for replica in extra)]))

    def replace(self, old: Replica) -> float:
        """Start a replica at a new address, then stop `old`; return when that was gone."""
        with self.disturb("replace", old.name) as asked:
            new = self._new_replica()
            self._launch([new], self.replica_variables)
            self._listed = [new if replica is old else replica for replica in self.replicas]
            return asked.confirmed(old.stop())

    def restart_replicas(self, *, moved: bool = False, **variables: str) -> float:
        """
        Kill all replicas, start them with these variables, at new addresses if moved; return when all are ready.

        If moved, the new containers are ready before the old ones are killed: Docker would hand out the old
        addresses again, and a name that is gone for a while would bring the resolver's own backoff into it.
        """
        with self.disturb("restart", self.name, moved=moved, **variables) as asked:
            wanted = {**self.replica_variables, **variables}
            before = [replica.instance for replica in self.replicas]
            if not moved:
                side_by_side([container.remove for container in before])
                return asked.confirmed(self._launch(self.replicas, wanted))
            self._launch(self.replicas, wanted)
            confirmed = side_by_side([container.kill for container in before])
            side_by_side([container.remove for container in before])
            return asked.confirmed(max(confirmed))

    def connections(self) -> dict[str, int]:
        """Return how many established connections lead to the order service of each replica, by its name."""
        return {replica.name: replica.connections() for replica in self.replicas}

    def fence(self) -> None:
        """Read every ledger up to now."""
        for replica in self._known:
            replica.fence()

    def complete_timeline(self) -> None:
        """Add what the ledgers hold, read up to now: what a container writes comes through Docker, a little later."""
        try:
            self.fence()
        except InconclusiveError as error:
            self.timeline.record("ledgers incomplete", message=str(error))
        super().complete_timeline()

    # The gateway

    def fresh_gateway(self) -> float:
        """Replace the gateway by a new container that has served no call yet; return when it listened."""
        with self.disturb("fresh gateway", "gateway") as asked:
            before, self.gateway = self.gateway, None
            if before is not None:
                before.end()
            variables = self._variables_of_gateway(self._pointing())
            self.gateway = gateway = ComposeGateway(self.project, self.next_number(), variables)
            return asked.confirmed(gateway.listened)

    def _pointing(self) -> dict[str, str]:
        """Return the variables that point a gateway at the world of a mutant, none for the real one."""
        if self.variant.target == "all":
            return {}
        if self.variant.target == "one":  # the name of one container
            return {"ORDER_SERVICE_TARGET": f"dns:///{self.replicas[0].instance.host}:{GRPC_PORT}"}
        if self.variant.target == "frozen":
            return {"ORDER_SERVICE_TARGET": "ipv4:" + ",".join(replica.address for replica in self.replicas)}
        raise InconclusiveError(f"there is no world {self.variant.target!r} on Compose")

    # The end

    def how_to_look(self) -> list[str]:
        """Return what to type to look around in what is kept, and to remove it."""
        compose = f"docker compose --file {self.project.file} --project-name {self.project.name}"
        orders = [f"curl {self.gateway.url}/orders/1"] if self.gateway else []
        return [f"kept on Compose, {self.variant.subject.name}:", *orders, f"{compose} ps", f"{compose} down"]

    def end(self) -> None:
        """Remove every container; a second call does nothing. What they wrote has been kept."""
        gateway, self.gateway = self.gateway, None
        if gateway is not None:
            gateway.end()
        left = [container for each in self._known if (container := each.leave_instance())]
        side_by_side([container.remove for container in (*left, *self._placeholders)])
        self._placeholders = []


# pytest-docker runs Compose: the command, the file, the name of the project, its network up and down. The containers
# are ours to start, since `up` gives all replicas of a service the same variables. Its own fixture `docker_services`
# is not used: it leaves everything there when `up` fails.


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    """The file that is also used by hand."""
    return str(FILE)


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    """A name of this run's own; process ids, pytest-docker's choice, repeat between containers and machines."""
    return f"grpc-lb-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """What is there before the first container: the network."""
    return ["up --no-start --no-build --scale gateway=0 --scale order-service=0"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """What takes everything down."""
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
def _network(project: Project, *compose: Any, keep: bool) -> Iterator[None]:  # noqa: ANN401, pytest-docker's fixtures
    """Have the project's network up. Raises DockerError if it cannot be made."""
    command, file, setup, cleanup = compose
    services = get_docker_services(command, file, project.name, setup, [] if keep else cleanup)
    try:
        services.__enter__()
    except Exception as error:  # noqa: BLE001, pytest-docker raises nothing more specific
        said = str(error).strip('". ').splitlines()[-1]
        raise DockerError(advised(f"the network of {project.name} cannot be made: {said}")) from None
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
        with _network(compose_project, *pytest_docker, keep=keep):
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
