"""Docker as the suite uses it: the engine's API, the command for builds, and everything labelled by a run."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import requests
from docker.client import DockerClient
from docker.errors import APIError, DockerException

from tests.harness.world.answering import PING, Answering
from tests.harness.world.runs import Run, dead_runs
from tests.harness.world.verdict import InconclusiveError

RUN_LABEL = "grpc-lb-conformance.run"
"""Every container, network and namespace of a run carries its label (see tests/harness/world/runs.py)."""

IMAGES = ("grpc-lb-conformance", "grpc-lb-conformance-subject")
"""The images that a run builds, of the order service and of the subject; their tag is its label."""

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


def _ping() -> bool:
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, timeout=PING, check=False)  # noqa: S607, the user's docker
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


_ANSWERING = Answering(_ping)


def check_answering(what: str) -> None:
    """Raise DockerError if the engine left a request of this process unanswered, and still does not answer."""
    if not _ANSWERING.answers():
        raise DockerError(f"{what}: {_NO_DAEMON} (it left an earlier request unanswered for {PATIENCE} s)")


@contextlib.contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """
    Turn an exception from the engine's API into a DockerError that names `what` was being done.

    Once a request was left unanswered, no other is made until the engine answers again.
    """
    check_answering(what)
    try:
        yield
    except APIError as error:
        raise DockerError(advised(f"{what}: {error.explanation or error}")) from None
    except requests.Timeout as error:
        _ANSWERING.left_unanswered()
        raise DockerError(f"{what}: {_NO_DAEMON} ({error})") from None
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
        return DockerClient(base_url=engine_host(), timeout=PATIENCE)


@functools.cache
def engine_host() -> str:
    """Return where the engine is."""
    return os.environ.get("DOCKER_HOST") or command("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")


def command(*arguments: str, patience: float = PATIENCE, log: Path | None = None) -> str:
    """
    Run a docker command and return what it printed.

    With `log` all its output is kept there. Raises DockerError if it fails or takes longer than `patience`.
    """
    words = f"`docker {' '.join(arguments[:3])} …`"
    check_answering(words)
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
        if patience <= PATIENCE:
            _ANSWERING.left_unanswered()
        raise DockerError(f"{words} took longer than {patience:.0f} s") from None
    if log is not None:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        errors = [line.strip() for line in done.stderr.splitlines() if line.strip() and line.strip() != "exit status 1"]
        raise DockerError(advised(errors[-1], done.stderr) if errors else f"{words} failed without output")
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


def _note() -> str:
    """Return the note that something of a run may be left on this engine."""
    return f"engine {engine_host()}"


def begin_run(run: Run) -> None:
    """Remove what dead runs left on this engine, and note that this one may leave something there."""
    with dead_runs() as dead:
        for earlier in dead:
            if _note() in earlier.notes:
                with contextlib.suppress(DockerError):  # a later run tries again; this one has done nothing wrong
                    _remove_run(earlier.label)
                    earlier.done(_note())
    run.note(_note())


def end_run(run: Run, *, interrupted: bool) -> None:
    """
    Remove everything of a run from this engine, and note that, so that no other run has to look.

    An interrupted run may have had a worker killed while the engine was still starting something for it.
    """
    with contextlib.suppress(DockerError):  # no Docker, or a later run tries again
        _remove_run(run.label)
        if not interrupted:
            run.done(_note())


def _remove_run(label: str) -> None:
    """Remove every container and network with this label, and the images that were built for it."""
    _remove(RUN_LABEL, label)
    with engine_errors("removing images"):
        labelled = engine().images.list(filters={"label": f"{RUN_LABEL}={label}"})
        for name in [*(f"{image}:{label}" for image in IMAGES), *(str(image.id) for image in labelled)]:
            with contextlib.suppress(docker.errors.ImageNotFound):
                engine().images.remove(name, force=True, noprune=True)  # what the next build can reuse stays


def remove_project(name: str) -> None:
    """Remove every container and network of one Compose project."""
    _remove(PROJECT_LABEL, name)


def _remove(label: str, value: str) -> None:
    """Remove containers and networks with that label, even while another run removes them."""
    chosen: dict[str, str | list[str] | bool] = {"label": f"{label}={value}"}
    with engine_errors("removing containers and networks"):
        for container in engine().containers.list(all=True, filters=chosen, ignore_removed=True):
            with _already_removed():
                container.remove(force=True, v=True)
        for network in engine().networks.list(filters=chosen):
            with _already_removed():
                network.remove()


@contextlib.contextmanager
def _already_removed() -> Iterator[None]:
    """Pass over what does not exist any more, or is just being removed."""
    try:
        yield
    except APIError as error:
        being_removed = error.status_code == requests.codes["conflict"] and "in progress" in str(error)
        if not (isinstance(error, docker.errors.NotFound) or being_removed):
            raise
