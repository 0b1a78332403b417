"""Docker as the suite uses it: its command, what has to be there, and what carries the label of a run."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.harness.verdict import InconclusiveError
from tests.loopback.process import is_orphaned

RUN_LABEL = "grpc-lb-conformance.run"
"""Every container and network of a run carries its label (see `tests.loopback.process.run_label`)."""

PROJECT_LABEL = "com.docker.compose.project"
"""Compose's own."""

OLDEST_COMPOSE = (2, 20)
COMMAND_PATIENCE = 60.0
"""Seconds that one command may take on a busy machine; none of them waits for a service."""

_NO_DOCKER = "there is no docker command. Install Docker Engine and its Compose plugin: https://docs.docker.com/engine/"
_NO_DAEMON = "the Docker daemon does not answer. Start it (`sudo systemctl start docker`) and try `docker version`"
_NO_PERMISSION = (
    "no permission to talk to the Docker daemon. Join its group (`sudo usermod --append --groups docker $USER`, then "
    "log in anew) and try `docker version`"
)
_NO_COMPOSE = (
    "docker has no compose command. Install the Compose plugin, "
    f"{'.'.join(map(str, OLDEST_COMPOSE))} or newer: https://docs.docker.com/compose/install/"
)


class DockerError(InconclusiveError):
    """A docker command failed; the message is the last line that it said."""


def docker(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    patience: float = COMMAND_PATIENCE,
    log: Path | None = None,
) -> str:
    """
    Run a docker command and return what it printed.

    With `log` everything it says is kept there. Raises DockerError if it fails or takes longer than `patience`.
    """
    try:
        done = subprocess.run(  # noqa: S603, our own command
            ["docker", *arguments],  # noqa: S607, the user's docker
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
            start_new_session=True,  # Ctrl-C is ours: a command that is cut short could leave half a container
        )
    except FileNotFoundError:
        raise DockerError(_NO_DOCKER) from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"`docker {' '.join(arguments[:3])} …` took longer than {patience:.0f} s") from None
    if log is not None:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and line.strip() != "exit status 1"]
        raise DockerError(said[-1] if said else f"`docker {' '.join(arguments[:3])} …` failed without a word")
    return done.stdout.strip()


def check_docker() -> None:
    """Raise DockerError, which says what to do, unless Docker and Compose are there and can be used."""
    if shutil.which("docker") is None:
        raise DockerError(_NO_DOCKER)
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except DockerError as error:
        raise DockerError(_NO_PERMISSION if "permission denied" in str(error) else f"{_NO_DAEMON} ({error})") from None
    try:
        version = docker("compose", "version", "--short")
    except DockerError:
        raise DockerError(_NO_COMPOSE) from None
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST_COMPOSE:
        raise DockerError(f"this is Docker Compose {version}. {_NO_COMPOSE.partition('. ')[2]}")


def inspect(*names: str) -> list[dict[str, Any]]:
    """Return all that Docker knows of these containers, asked afresh."""
    found: list[dict[str, Any]] = json.loads(docker("container", "inspect", *names))
    return found


def remove_run(label: str) -> None:
    """Remove every container and network of one run."""
    _remove(RUN_LABEL, lambda each: each == label)


def remove_project(name: str) -> None:
    """Remove every container and network of one Compose project."""
    _remove(PROJECT_LABEL, lambda each: each == name)


def sweep() -> None:
    """Remove what earlier runs left because they were killed; what was started by hand has no owner and stays."""
    _remove(RUN_LABEL, lambda each: each.count("-") == 2 and is_orphaned(each))


def _remove(key: str, chosen: Callable[[str], bool]) -> None:
    for kind, remove in (("container", ("rm", "--force", "--volumes")), ("network", ("rm",))):
        everything = ("--all",) if kind == "container" else ()
        form = f'{{{{.ID}}}} {{{{.Label "{key}"}}}}'
        lines = docker(kind, "ls", *everything, "--filter", f"label={key}", "--format", form).splitlines()
        ours = [found for found, _, label in (line.partition(" ") for line in lines) if chosen(label)]
        if ours:
            docker(kind, *remove, *ours)
