"""
One container of a Compose project: made after a service of compose.yaml, ended by its id, its output kept in files.

A container lives once: what is started again is a new container, with variables and an address of its own.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tests.compose.docker import PROJECT_LABEL, command, engine, engine_errors
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError

END_GRACE = 10
"""Seconds that a container may take to end on SIGTERM before that counts as a failure."""

ESTABLISHED = "01"
"""The state of a connection in /proc/net/tcp."""

KILLED = 137
"""The exit status of a container that SIGKILL ended: 128 + 9."""


@dataclass(frozen=True)
class Project:
    """A Compose project: `services` are those of its file as Compose reads it, `folder` is where output is kept."""

    name: str
    file: Path
    services: Mapping[str, Mapping[str, Any]]
    folder: Path

    @classmethod
    def of(cls, file: Path, name: str, folder: Path) -> "Project":
        """Read the file, with the variables of this process. Raises DockerError."""
        read = command("compose", f"--file={file}", f"--project-name={name}", "config", "--format=json")
        return cls(name, file, json.loads(read)["services"], folder)

    @property
    def network(self) -> str:
        """The network that everything is on."""
        return f"{self.name}_default"

    def labels(self, service: str, number: int) -> dict[str, str]:
        """Return those of the file and those by which Compose knows a container as its own."""
        own = {"service": service, "oneoff": "False", "container-number": str(number), "config-hash": "the suite's own"}
        compose = {f"com.docker.compose.{key}": value for key, value in own.items()}
        return {**self.services[service]["labels"], PROJECT_LABEL: self.name, **compose}


class Container:
    """
    A running container; what it writes goes to `NAME.out` and `NAME.log`, while it runs and after.

    Compose's own `run` starts the same, and takes a second for each. `listed` says whether the name server knows it by
    the name of its service, `published` which of its ports is reached from the host. `pid` is the id of its first
    process on this machine.
    """

    def __init__(  # noqa: PLR0913, what a container is made of
        self,
        project: Project,
        service: str,
        name: str,
        number: int,
        variables: Mapping[str, str],
        *,
        listed: bool = False,
        published: int | None = None,
        instead: Sequence[str] = (),
    ) -> None:
        """Start it with these variables on top of the service's, or with a command `instead`. Raises DockerError."""
        self.name = name
        self.host = f"{project.name}-{name}-{number}"
        self.output, self.log = project.folder / f"{name}.out", project.folder / f"{name}.log"
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._project = project
        model = project.services[service]
        aliases = [self.host, *([service] if listed else [])]
        with engine_errors(f"starting {name}"):
            self._container = engine().containers.create(
                model["image"],
                list(instead) or model.get("command"),
                name=self.host,
                environment={**model.get("environment", {}), **variables},
                labels=project.labels(service, number),
                ports={f"{published}/tcp": ("127.0.0.1", 0)} if published else {},
                network=project.network,
                networking_config={project.network: engine().api.create_endpoint_config(aliases=aliases)},
                healthcheck={"test": ["NONE"]},  # the suite looks for itself, and leaves the processors to the services
            )
            self._container.start()
        with self.output.open("ab") as output, self.log.open("ab") as log:
            # the command and not the API: docker-py leaves the socket of a stream open (docker 7.2.0)
            self._follower = subprocess.Popen(  # noqa: S603, our own command
                ["docker", "logs", "--follow", str(self._container.id)],  # noqa: S607, the user's docker
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )
        seen = self.look()
        self.ip = str(seen["NetworkSettings"]["Networks"][project.network]["IPAddress"])
        self.pid = _on_this_machine(int(seen["State"]["Pid"]), str(self._container.id))

    @property
    def running(self) -> bool:
        """Whether it has not ended: its output is then at its end too."""
        return self._follower.poll() is None

    def look(self) -> Mapping[str, Any]:
        """Return all that Docker knows of it now."""
        with engine_errors(f"looking at {self.name}"):
            self._container.reload()
        attributes: Mapping[str, Any] = self._container.attrs
        return attributes

    def ends_within(self, seconds: float) -> bool:
        """Wait that long for it to end by itself."""
        try:
            self._follower.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> float:
        """SIGTERM; return when it was seen to have ended. Raises InconclusiveError if it had to be killed."""
        with engine_errors(f"stopping {self.name}"):
            self._container.stop(timeout=END_GRACE)
        ended = self._ended()
        if self.look()["State"]["ExitCode"] == KILLED:
            raise InconclusiveError(f"{self.name} did not end within {END_GRACE} s of SIGTERM")
        return ended

    def kill(self) -> float:
        """SIGKILL; return when it was seen to have ended."""
        with engine_errors(f"killing {self.name}"):
            self._container.kill()
        return self._ended()

    def _ended(self) -> float:
        with engine_errors(f"waiting for the end of {self.name}"):
            self._container.wait(timeout=END_GRACE)
        ended = time.monotonic()
        state = self.look()["State"]["Status"]
        if state != "exited":
            raise InconclusiveError(f"{self.name} was ended, and Docker says that it is {state}")
        self._follower.wait(END_GRACE)
        return ended

    def pause(self) -> float:
        """Freeze it and return when it was seen frozen."""
        with engine_errors(f"freezing {self.name}"):
            self._container.pause()
        return reached(lambda: self.look()["State"]["Paused"], within=2.0, what=f"{self.name} is frozen")

    def resume(self) -> float:
        """Let it run on and return when it was seen to do so."""
        with engine_errors(f"thawing {self.name}"):
            self._container.unpause()
        return reached(lambda: not self.look()["State"]["Paused"], within=2.0, what=f"{self.name} runs on")

    def disconnect(self) -> float:
        """Take its network away and return when it was seen to have none."""
        with engine_errors(f"cutting {self.name} off"):
            engine().networks.get(self._project.network).disconnect(self._container)
        return reached(
            lambda: not self.look()["NetworkSettings"]["Networks"], within=2.0, what=f"{self.name} is cut off"
        )

    def published(self, port: int) -> str:
        """Return `host:port` at which its port is reached now: Docker chooses anew for each container."""
        published = self.look()["NetworkSettings"]["Ports"][f"{port}/tcp"][0]
        return f"{published['HostIp']}:{published['HostPort']}"

    def connections(self, port: int) -> int:
        """Return how many established connections there are at a port of it, by what its kernel says (proc(5))."""
        with engine_errors(f"looking into {self.name}"):
            table = cast("bytes", self._container.exec_run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).output)
        rows = [line.split() for line in table.decode().splitlines()]
        return sum(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows if len(row) > 3)

    def remove(self) -> None:
        """Remove it, running or not; its output has been kept."""
        with engine_errors(f"removing {self.name}"):
            self._container.remove(force=True, v=True)
        self._follower.wait(END_GRACE)

    def last_words(self, lines: int = 8) -> str:
        """Say how it ended and what it wrote last, for a message."""
        state = self.look()["State"]
        how = "is running" if state["Running"] else f"ended with status {state['ExitCode']}"
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            words = log.read().decode(errors="replace").strip().splitlines()
        said = "\n".join(words[-lines:])
        return f"{self.name} {how}" + (f"; it said last:\n{said}" if said else ", without a word")


def _on_this_machine(pid: int, container: str) -> int | None:
    """Return the process id that Docker tells; None if the container runs on another machine, or in a virtual one."""
    with contextlib.suppress(OSError):
        if container in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii"):
            return pid
    return None
