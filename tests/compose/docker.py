"""Docker as the suite uses it: the engine's API, the command for builds, and everything labelled by a run."""

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
"""The suffix of the label of a run with `--keep`: no run sweeps what it leaves."""

PROJECT_LABEL = "com.docker.compose.project"
"""Compose's own label."""

OLDEST_COMPOSE = (2, 20)
PATIENCE = 60
"""Seconds that the engine may take to respond on a busy machine; no request waits for a service."""

_NO_DOCKER = "docker is not installed. Install Docker Engine and its Compose plugin: https://docs.docker.com/engine/"
_NO_DAEMON = "the Docker daemon does not respond. Start it (`sudo systemctl start docker`) and check `docker version`"
_NO_PERMISSION = (
    "permission denied by the Docker daemon. Join its group (`sudo usermod --append --groups docker $USER`, then log "
    "in again) and check `docker version`"
)
_NO_COMPOSE = (
    "Docker Compose is not installed. Install the plugin, "
    f"{'.'.join(map(str, OLDEST_COMPOSE))} or newer: https://docs.docker.com/compose/install/"
)

_ADVICE = {
    "no space left on device": "The engine's disk is full: check `docker system df`, and free space with "
    "`docker system prune`",
    "address pool": "The engine has no addresses left for a network: remove unused ones with `docker network prune`",
    "no such image": "Build it, or fix [compose] image or --gateway-image",
}
"""Advice on some of the engine's errors, by a part of their text."""


class DockerError(InconclusiveError):
    """Docker failed to do something; the message is its error, with advice if there is any."""


@contextlib.contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn an exception from the engine's API into a DockerError that names `what` was being done."""
    try:
        yield
    except APIError as error:
        raise DockerError(advised(f"{what}: {error.explanation or error}")) from None
    except (DockerException, requests.RequestException) as error:
        raise DockerError(f"{what}: {_NO_DAEMON} ({error})") from None


def advised(error: str, *more: str) -> str:
    """Return Docker's error with the advice for it, if this or `more` of its output suggests any."""
    everything = "\n".join([error, *more]).lower()
    advice = [text for part, text in _ADVICE.items() if part in everything]
    return ". ".join([error.rstrip("."), *advice])


@functools.cache
def engine() -> DockerClient:
    """Return a client of the engine that the docker command uses. Raises DockerError."""
    with engine_errors("connecting"):
        if os.environ.get("DOCKER_HOST"):
            return docker.from_env(timeout=PATIENCE)
        host = command("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        return DockerClient(base_url=host, timeout=PATIENCE)


def command(*arguments: str, patience: float = PATIENCE, log: Path | None = None) -> str:
    """
    Run a docker command and return what it printed.

    With `log` all its output is kept there. Raises DockerError if it fails or takes longer than `patience`.
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
            start_new_session=True,  # Ctrl-C is for us: an interrupted command could leave half a network
        )
    except FileNotFoundError:
        raise DockerError(_NO_DOCKER) from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"`docker {' '.join(arguments[:3])} …` took longer than {patience:.0f} s") from None
    if log is not None:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        errors = [line.strip() for line in done.stderr.splitlines() if line.strip() and line.strip() != "exit status 1"]
        raise DockerError(
            advised(errors[-1], done.stderr)
            if errors
            else f"`docker {' '.join(arguments[:3])} …` failed without output"
        )
    return done.stdout.strip()


def check_docker() -> None:
    """Raise DockerError, with advice, unless Docker and Compose are installed and usable."""
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
        raise DockerError(f"Docker Compose {version} is not supported. {_NO_COMPOSE.partition('. ')[2]}")


def remove_run(label: str) -> None:
    """Remove every container and network of one run, and the images that it built."""
    _remove(RUN_LABEL, lambda value: value == label)
    with engine_errors("removing the subject's image"):
        for image in engine().images.list(filters={"label": f"{RUN_LABEL}={label}"}):
            engine().images.remove(str(image.id), force=True)


def remove_project(name: str) -> None:
    """Remove every container and network of one Compose project."""
    _remove(PROJECT_LABEL, lambda value: value == name)


def sweep() -> None:
    """Remove what killed runs left behind; containers that were started by hand or kept have no owner."""
    _remove(RUN_LABEL, lambda value: value.count("-") == 2 and is_orphaned(value))


def _remove(label: str, chosen: Callable[[str], bool]) -> None:
    with engine_errors("removing containers and networks"):
        for container in engine().containers.list(all=True, filters={"label": label}, ignore_removed=True):
            if chosen(container.labels[label]):
                with contextlib.suppress(docker.errors.NotFound):  # removed since
                    container.remove(force=True, v=True)
        for network in engine().networks.list(filters={"label": label}):
            if chosen(_labels(network)[label]):
                network.remove()


def _labels(network: Network) -> dict[str, str]:
    labels: dict[str, str] = network.attrs["Labels"]
    return labels
