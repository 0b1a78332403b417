"""
What must exist before the first container: Docker itself, and the images, built once per run.

This is checked before anything is collected: anything missing is then reported in one line, and nothing has to be taken
down.
"""

import contextlib
import os
from pathlib import Path

import pytest

from tests.compose.docker import KEPT, RUN_LABEL, DockerError, check_docker, command, remove_run, sweep
from tests.harness.paths import ROOT
from tests.harness.plugin.place import starting
from tests.harness.plugin.selection import SUBJECT, asked_for
from tests.harness.subject.subject import Subject
from tests.loopback.process import LABEL

FILE = Path(__file__).with_name("compose.yaml")
ORDER_IMAGE = "grpc-lb-conformance"
"""The image of the order service, and of the reference gateway."""

GATEWAY_IMAGE = "GATEWAY_IMAGE"
"""The variable that tells compose.yaml which gateway to run, in the workers too."""

LABEL_VARIABLE = "GRPC_LB_CONFORMANCE_LABEL"
"""The variable with the label for everything that compose.yaml creates."""

PATIENCE = 600.0
"""Seconds that building or pulling an image may take."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remove what killed runs left behind, and prepare the images. Raises UsageError, which names what is missing."""
    config = session.config
    if not _ours(config) or config.option.collectonly:
        return
    folder = starting(config, "compose")
    try:
        check_docker()
        sweep()
        os.environ[GATEWAY_IMAGE] = build_images(config.stash[SUBJECT], label_of(config), folder)
    except DockerError as error:
        raise pytest.UsageError(f"Compose: {error}") from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what an interrupted worker may have left behind, and the subject's image if it was built here."""
    if _ours(config):
        with contextlib.suppress(DockerError):  # no Docker, nothing left
            remove_run(os.environ[LABEL])  # not what is kept: that has a different label


def label_of(config: pytest.Config) -> str:
    """Return the label for everything that this run starts on Docker; nothing sweeps what is to be kept."""
    return os.environ[LABEL] + (KEPT if config.getoption("--keep") else "")


def _ours(config: pytest.Config) -> bool:
    """Whether this process takes care of Docker: not a worker, and only if Compose was requested."""
    return asked_for("compose", config) and not hasattr(config, "workerinput")


def build_images(subject: Subject, label: str, folder: Path) -> str:
    """Build the image of the services, and build or find that of the subject; return the subject's."""
    own = ("build", "--file", str(ROOT / "services" / "Dockerfile"), "--tag", ORDER_IMAGE, "--", str(ROOT))
    _build("the image of the order service", own, folder / "build.log")
    if subject.build:
        tag, place = f"grpc-lb-conformance-subject:{label}", str(subject.folder / subject.build)
        build = ("build", "--tag", tag, "--label", f"{RUN_LABEL}={label}", "--", place)
        _build(f"the subject's image ([compose] build = {subject.build!r})", build, folder / "build-subject.log")
        return tag
    if subject.image and not _there(subject.image):
        _pull(subject.image, folder / "pull.log")
    return subject.image


def _there(image: str) -> bool:
    try:
        command("image", "inspect", "--", image)  # what follows -- is a name, even if it looks like an option
    except DockerError:
        return False
    return True


def _pull(image: str, log: Path) -> None:
    try:
        command("pull", "--", image, patience=PATIENCE, log=log)
    except DockerError as error:
        raise DockerError(
            f"image {image!r} is not on this machine and cannot be pulled. Build it, or fix [compose] image or "
            f"--gateway-image ({error})"
        ) from None


def _build(what: str, arguments: tuple[str, ...], log: Path) -> None:
    try:
        command(*arguments, patience=PATIENCE, log=log)
    except DockerError as error:
        raise DockerError(f"{what} cannot be built: {error}. The full output is in {log}") from None
