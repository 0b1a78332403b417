"""
One container of a Compose project: started from a service of compose.yaml, ended by its id, its output kept in files.

A container lives once: what is started again is a new container, with variables and an address of its own.
"""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compose.docker import docker, inspect
from tests.harness.eventually import reached
from tests.harness.verdict import InconclusiveError

END_GRACE = 10
"""Seconds that a container may take to end on SIGTERM before that counts as a failure."""

ESTABLISHED = "01"
"""The state of a connection in /proc/net/tcp."""

KILLED = 137
"""The exit status of a container that SIGKILL ended: 128 + 9."""


@dataclass(frozen=True)
class Project:
    """A Compose project: `variables` are those of the docker commands, `folder` is where output is kept."""

    name: str
    file: Path
    variables: Mapping[str, str]
    folder: Path

    @property
    def network(self) -> str:
        """The network that everything is on."""
        return f"{self.name}_default"

    def compose(self, *arguments: str, patience: float = 60.0, log: Path | None = None) -> str:
        """Run a compose command on this project. Raises DockerError."""
        options = ("--file", str(self.file), "--project-name", self.name)
        return docker("compose", *options, *arguments, variables=self.variables, patience=patience, log=log)


class Container:
    """A running container; what it writes goes to `NAME.out` and `NAME.log`, while it runs and after."""

    def __init__(  # noqa: PLR0913, what a container is made of
        self,
        project: Project,
        service: str,
        name: str,
        number: int,
        variables: Mapping[str, str],
        *options: str,
        command: tuple[str, ...] = (),
    ) -> None:
        """Start it with these variables on top of the service's. Raises DockerError."""
        self.name = name
        self.host = f"{project.name}-{name}-{number}"
        self.output, self.log = project.folder / f"{name}.out", project.folder / f"{name}.log"
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._project = project
        # no terminal: it would mix the ledger with what is meant for people
        settings = [f"--env={key}={value}" for key, value in variables.items()]
        self.id = project.compose(
            "run",
            "--detach",
            "--no-deps",
            "--no-TTY",
            "--interactive=false",
            f"--name={self.host}",
            *options,
            *settings,
            service,
            *command,
        ).splitlines()[-1]
        with self.output.open("ab") as output, self.log.open("ab") as log:
            self._follower = subprocess.Popen(  # noqa: S603, our own command
                ["docker", "logs", "--follow", self.id],  # noqa: S607, the user's docker
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )
        self.ip = str(self.look()["NetworkSettings"]["Networks"][project.network]["IPAddress"])

    @property
    def running(self) -> bool:
        """Whether it has not ended: its output is then at its end too."""
        return self._follower.poll() is None

    def look(self) -> dict[str, Any]:
        """Return all that Docker knows of it now."""
        return inspect(self.id)[0]

    def ends_within(self, seconds: float) -> bool:
        """Wait that long for it to end by itself."""
        try:
            self._follower.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> float:
        """SIGTERM; return when it was seen to have ended. Raises InconclusiveError if it had to be killed."""
        docker("stop", f"--time={END_GRACE}", self.id)
        ended = self._ended()
        if self.look()["State"]["ExitCode"] == KILLED:
            raise InconclusiveError(f"{self.name} did not end within {END_GRACE} s of SIGTERM")
        return ended

    def kill(self) -> float:
        """SIGKILL; return when it was seen to have ended."""
        docker("kill", self.id)
        return self._ended()

    def _ended(self) -> float:
        docker("wait", self.id)
        ended = time.monotonic()
        state = self.look()["State"]["Status"]
        if state != "exited":
            raise InconclusiveError(f"{self.name} was ended, and Docker says that it is {state}")
        self._follower.wait(END_GRACE)
        return ended

    def pause(self) -> float:
        """Freeze it and return when it was seen frozen."""
        docker("pause", self.id)
        return reached(lambda: self.look()["State"]["Paused"], within=2.0, what=f"{self.name} is frozen")

    def resume(self) -> float:
        """Let it run on and return when it was seen to do so."""
        docker("unpause", self.id)
        return reached(lambda: not self.look()["State"]["Paused"], within=2.0, what=f"{self.name} runs on")

    def disconnect(self) -> float:
        """Take its network away and return when it was seen to have none."""
        docker("network", "disconnect", self._project.network, self.id)
        return reached(
            lambda: not self.look()["NetworkSettings"]["Networks"], within=2.0, what=f"{self.name} is cut off"
        )

    def connections(self, port: int) -> int:
        """Return how many established connections there are at a port of it, by what its kernel says (proc(5))."""
        table = docker("exec", self.id, "cat", "/proc/net/tcp", "/proc/net/tcp6")
        rows = [line.split() for line in table.splitlines()]
        return sum(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows if len(row) > 3)

    def remove(self) -> None:
        """Remove it, running or not; its output has been kept."""
        docker("rm", "--force", "--volumes", self.id)
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
