"""Docker as the suite uses it: the engine's API, the command's builds, and what carries the label of a run."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import requests
from docker.client import DockerClient
from docker.errors import APIError, DockerException
from docker.models.networks import Network

from tests.harness.world.verdict import InconclusiveError
from tests.loopback.process import is_orphaned

RUN_LABEL = "grpc-lb-conformance.run"
"""Every container, network and namespace of a run carries its label (see `tests.loopback.process.run_label`)."""

KEPT = "-kept"
"""How the label of a run ends whose things shall stay (`--keep`): no run sweeps them."""

PROJECT_LABEL = "com.docker.compose.project"
"""Compose's own."""

OLDEST_COMPOSE = (2, 20)
PATIENCE = 60
"""Seconds that the engine may take for one answer on a busy machine; none of them waits for a service."""

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

_ADVICE = {
    "no space left on device": "The engine's disk is full: look with `docker system df`, free some with "
    "`docker system prune`",
    "address pool": "The engine has no addresses left for a network: remove unused ones with `docker network prune`",
    "no such image": "Build it, or correct [compose] image or --gateway-image",
}
"""What to do about some things that the engine says, by a part of what it says."""


class DockerError(InconclusiveError):
    """Docker could not do something; the message is what it said, and what to do where that is known."""


@contextlib.contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn what the engine's API raises into a DockerError that says `what` was being done."""
    try:
        yield
    except APIError as error:
        raise DockerError(advised(f"{what}: {error.explanation or error}")) from None
    except (DockerException, requests.RequestException) as error:
        raise DockerError(f"{what}: {_NO_DAEMON} ({error})") from None


def advised(said: str, *more: str) -> str:
    """Return what Docker said with what to do about it, where that is known from this or from `more` that it said."""
    everything = "\n".join([said, *more]).lower()
    advice = [text for part, text in _ADVICE.items() if part in everything]
    return ". ".join([said.rstrip("."), *advice])


@functools.cache
def engine() -> DockerClient:
    """Return a client of the engine that the docker command talks to. Raises DockerError."""
    with engine_errors("connecting"):
        if os.environ.get("DOCKER_HOST"):
            return docker.from_env(timeout=PATIENCE)
        host = command("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        return DockerClient(base_url=host, timeout=PATIENCE)


def command(*arguments: str, patience: float = PATIENCE, log: Path | None = None) -> str:
    """
    Run a docker command and return what it printed.

    With `log` everything it says is kept there. Raises DockerError if it fails or takes longer than `patience`.
    """
    try:
        done = subprocess.run(  # noqa: S603, our own command
            ["docker", *arguments],  # noqa: S607, the user's docker
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
            start_new_session=True,  # Ctrl-C is ours: a command that is cut short could leave half a network
        )
    except FileNotFoundError:
        raise DockerError(_NO_DOCKER) from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"`docker {' '.join(arguments[:3])} …` took longer than {patience:.0f} s") from None
    if log is not None:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and line.strip() != "exit status 1"]
        raise DockerError(
            advised(said[-1], done.stderr) if said else f"`docker {' '.join(arguments[:3])} …` failed without a word"
        )
    return done.stdout.strip()


def check_docker() -> None:
    """Raise DockerError, which says what to do, unless Docker and Compose are there and can be used."""
    if shutil.which("docker") is None:
        raise DockerError(_NO_DOCKER)
    try:
        command("version", "--format", "{{.Server.Version}}")
    except DockerError as error:
        raise DockerError(_NO_PERMISSION if "permission denied" in str(error) else f"{_NO_DAEMON} ({error})") from None
    try:
        version = command("compose", "version", "--short")
    except DockerError:
        raise DockerError(_NO_COMPOSE) from None
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST_COMPOSE:
        raise DockerError(f"this is Docker Compose {version}. {_NO_COMPOSE.partition('. ')[2]}")


def remove_run(label: str) -> None:
    """Remove every container and network of one run, and the images that it built for itself."""
    _remove(RUN_LABEL, lambda value: value == label)
    with engine_errors("removing the subject's image"):
        for image in engine().images.list(filters={"label": f"{RUN_LABEL}={label}"}):
            engine().images.remove(str(image.id), force=True)


def remove_project(name: str) -> None:
    """Remove every container and network of one Compose project."""
    _remove(PROJECT_LABEL, lambda value: value == name)


def sweep() -> None:
    """Remove what earlier runs left because they were killed; what was started by hand or kept has no owner."""
    _remove(RUN_LABEL, lambda value: value.count("-") == 2 and is_orphaned(value))


def _remove(label: str, chosen: Callable[[str], bool]) -> None:
    with engine_errors("removing containers and networks"):
        for container in engine().containers.list(all=True, filters={"label": label}, ignore_removed=True):
            if chosen(container.labels[label]):
                with contextlib.suppress(docker.errors.NotFound):  # gone meanwhile
                    container.remove(force=True, v=True)
        for network in engine().networks.list(filters={"label": label}):
            if chosen(_labels(network)[label]):
                network.remove()


def _labels(network: Network) -> dict[str, str]:
    labels: dict[str, str] = network.attrs["Labels"]
    return labels
