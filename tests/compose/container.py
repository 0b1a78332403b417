"""
One container of a Compose project: created from a service of compose.yaml, stopped by its id, its output kept in files.

A container runs once: a restart creates a new container, with its own variables and address.
"""

import contextlib
import io
import json
import subprocess
import tarfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from docker.types import LogConfig

from tests.compose.docker import PROJECT_LABEL, command, engine, engine_errors
from tests.harness.world.eventually import reached
from tests.harness.world.output import last_output
from tests.harness.world.verdict import InconclusiveError

END_GRACE = 10
"""Seconds that a container may take to exit on SIGTERM before that counts as a failure."""

ESTABLISHED = "01"
"""The state of a connection in /proc/net/tcp."""

KILLED = 137
"""The exit status of a container that was killed by SIGKILL: 128 + 9."""


@dataclass(frozen=True)
class Project:
    """A Compose project: `services` are those in its file, as Compose reads it; output is kept in `folder`."""

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
        """The network that connects everything."""
        return f"{self.name}_default"

    def labels(self, service: str, number: int) -> dict[str, str]:
        """Return the labels in the file, and those by which Compose recognizes its containers."""
        own = {"service": service, "oneoff": "False", "container-number": str(number), "config-hash": "the suite's own"}
        compose = {f"com.docker.compose.{key}": value for key, value in own.items()}
        return {**self.services[service]["labels"], PROJECT_LABEL: self.name, **compose}


@dataclass(frozen=True)
class Launch:
    """
    What a container is created from: a service, a name and a number, and variables in addition to the service's.

    `listed` are the names under which the name server lists it, `published` is which of its ports the host can reach,
    `instead` which command it runs in place of the service's, `files` what it has at which paths.
    """

    service: str
    name: str
    number: int
    variables: Mapping[str, str] = field(default_factory=dict)
    listed: Sequence[str] = ()
    published: int | None = None
    instead: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    def host(self, project: Project) -> str:
        """Return its name in the network."""
        return f"{project.name}-{self.name}-{self.number}"

    def create(self, project: Project) -> Any:  # noqa: ANN401, docker has no type for it
        """Create it in the project, without starting it."""
        model, host = project.services[self.service], self.host(project)
        aliases = [host, *self.listed]
        return engine().containers.create(
            model["image"],
            list(self.instead) or model.get("command"),
            name=host,
            environment={**model.get("environment", {}), **self.variables},
            labels=project.labels(self.service, self.number),
            ports={f"{self.published}/tcp": ("127.0.0.1", 0)} if self.published else {},
            network=project.network,
            networking_config={project.network: engine().api.create_endpoint_config(aliases=aliases)},
            use_config_proxy=False,  # a proxy of this user's, maybe with a password, is not for what is judged
            healthcheck={"test": ["NONE"]},  # the suite checks for itself, and leaves the CPU to the services
            **_limits(model),
        )


def _limits(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits of a service of compose.yaml, as the engine's API has them."""
    limits: dict[str, Any] = {
        name: int(model[name]) for name in ("mem_limit", "memswap_limit", "pids_limit") if name in model
    }
    if logging := model.get("logging"):
        limits["log_config"] = LogConfig(type=logging["driver"], config=logging.get("options", {}))
    return {**limits, "security_opt": model.get("security_opt", [])}


class Container:
    """
    A running container; its output goes to `NAME.out` and `NAME.log`, while it runs and afterwards.

    Compose's own `run` starts the same, but takes a second for each. `pid` is the id of its first process on this
    machine.
    """

    def __init__(self, project: Project, launch: Launch) -> None:
        """Create and start it. Raises DockerError."""
        self.name = launch.name
        self.host = launch.host(project)
        self.output, self.log = project.folder / f"{self.name}.out", project.folder / f"{self.name}.log"
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._project = project
        with engine_errors(f"starting {self.name}"):
            self._container = launch.create(project)
            if launch.files:
                self._container.put_archive("/", _archive(launch.files))
            self._container.start()
        with self.output.open("ab") as output, self.log.open("ab") as log:
            # the command, not the API: docker-py leaves the socket of a stream open (docker 7.2.0)
            self._follower = subprocess.Popen(  # noqa: S603, our own command
                ["docker", "logs", "--follow", str(self._container.id)],  # noqa: S607, the user's docker
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )
        weakref.finalize(self, _end, self._follower)  # it ends with its container, but not if its engine is stuck
        seen = self.look()
        self.ip = str(seen["NetworkSettings"]["Networks"][project.network]["IPAddress"])
        self.pid = _on_this_machine(int(seen["State"]["Pid"]), str(self._container.id))

    @property
    def running(self) -> bool:
        """Whether it is running; once it is not, its output is complete too."""
        return self._follower.poll() is None

    def look(self) -> Mapping[str, Any]:
        """Return everything that Docker knows about it now."""
        with engine_errors(f"inspecting {self.name}"):
            self._container.reload()
        attributes: Mapping[str, Any] = self._container.attrs
        return attributes

    def ends_within(self, seconds: float) -> bool:
        """Wait that long for it to exit by itself, and say whether it did."""
        try:
            self._follower.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> float:
        """SIGTERM; return when it was seen to have exited. Raises InconclusiveError if it had to be killed."""
        with engine_errors(f"stopping {self.name}"):
            self._container.stop(timeout=END_GRACE)
        ended = self._ended()
        if self.look()["State"]["ExitCode"] == KILLED:
            raise InconclusiveError(f"{self.name} did not exit within {END_GRACE} s of SIGTERM")
        return ended

    def signal(self, name: str) -> None:
        """Send its first process a signal, and do not wait."""
        with engine_errors(f"sending {self.name} {name}"):
            self._container.kill(signal=name)

    def kill(self) -> float:
        """SIGKILL; return when it was seen to have exited."""
        with engine_errors(f"killing {self.name}"):
            self._container.kill()
        return self._ended()

    def _ended(self) -> float:
        with engine_errors(f"waiting for {self.name} to exit"):
            self._container.wait(timeout=END_GRACE)
        ended = time.monotonic()
        state = self.look()["State"]["Status"]
        if state != "exited":
            raise InconclusiveError(f"{self.name} was stopped, but Docker reports that it is {state}")
        self._follower.wait(END_GRACE)
        return ended

    def pause(self) -> float:
        """Freeze it and return when it was seen frozen."""
        with engine_errors(f"freezing {self.name}"):
            self._container.pause()
        return reached(lambda: self.look()["State"]["Paused"], within=2.0, what=f"{self.name} is frozen")

    def resume(self) -> float:
        """Unfreeze it and return when it was seen to run."""
        with engine_errors(f"unfreezing {self.name}"):
            self._container.unpause()
        return reached(lambda: not self.look()["State"]["Paused"], within=2.0, what=f"{self.name} is unfrozen")

    def disconnect(self) -> float:
        """Disconnect it from its network and return when it was seen to have none."""
        with engine_errors(f"cutting off {self.name}"):
            engine().networks.get(self._project.network).disconnect(self._container)
        return reached(
            lambda: not self.look()["NetworkSettings"]["Networks"], within=2.0, what=f"{self.name} is cut off"
        )

    def published(self, port: int) -> str:
        """Return the `host:port` where its port is published: Docker chooses it for each container."""
        published = self.look()["NetworkSettings"]["Ports"][f"{port}/tcp"][0]
        return f"{published['HostIp']}:{published['HostPort']}"

    def connections(self, port: int) -> int:
        """Return the number of established connections at one of its ports, according to its kernel (proc(5))."""
        with engine_errors(f"counting connections of {self.name}"):
            table = cast("bytes", self._container.exec_run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).output)
        rows = [line.split() for line in table.decode().splitlines()]
        return sum(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows if len(row) > 3)

    def remove(self) -> None:
        """Remove it, running or not; its output is kept."""
        with engine_errors(f"removing {self.name}"):
            self._container.remove(force=True, v=True)
        self._follower.wait(END_GRACE)

    def last_words(self, lines: int = 8) -> str:
        """Say how it exited, with its last output, for an error."""
        state = self.look()["State"]
        how = "is running" if state["Running"] else f"exited with status {state['ExitCode']}"
        if state.get("OOMKilled"):
            how += (
                f": it needed more than the {self._container.attrs['HostConfig']['Memory'] >> 20} MiB that it may use"
            )
        return f"{self.name} {how}{last_output(self.log, self._log_start, lines)}"


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive of files, from the root, that every user in a container can read."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text))
    return content.getvalue()


def _end(follower: "subprocess.Popen[bytes]") -> None:
    follower.kill()
    follower.wait()


def _on_this_machine(pid: int, container: str) -> int | None:
    """Return the process id that Docker reports; None if the container runs on another, or a virtual, machine."""
    with contextlib.suppress(OSError):
        if container in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii"):
            return pid
    return None
