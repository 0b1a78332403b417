"""
What must exist before the first container: Docker itself, and the images, built once per run.

This is checked before anything is collected: anything missing is then reported in one line, and nothing has to be taken
down.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.compose.docker import IMAGES, KEPT, RUN_LABEL, DockerError, begin_run, check_docker, command, end_run
from tests.compose.elsewhere import on_engine
from tests.harness.paths import ROOT
from tests.harness.plugin.place import starting
from tests.harness.plugin.results import KEPT as KEPT_COMMANDS
from tests.harness.plugin.selection import SUBJECT, asked_for
from tests.harness.plugin.this_run import RUN, interrupted
from tests.harness.subject.subject import Subject
from tests.harness.world.runs import LABEL

FILE = Path(__file__).with_name("compose.yaml")
ORDER_IMAGE = IMAGES[0]
"""The image of the order service, and of the reference gateway; each run builds its own, whose tag is its label."""

GATEWAY_VARIABLE, ORDER_VARIABLE = "GATEWAY_IMAGE", "ORDER_SERVICE_IMAGE"
"""The variables that tell compose.yaml which images to run, in the workers too."""

LABEL_VARIABLE = "GRPC_LB_CONFORMANCE_LABEL"
"""The variable with the label for everything that compose.yaml creates."""

PATIENCE = 600.0
"""Seconds that building or pulling an image may take."""


@dataclass(frozen=True)
class Images:
    """The images of a run."""

    order: str
    subject: str

    @property
    def built(self) -> list[str]:
        """Those that were built for this run alone."""
        return [self.order, *([self.subject] if self.subject.startswith(f"{IMAGES[1]}:") else [])]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remove what killed runs left behind, and prepare the images. Raises UsageError, which names what is missing."""
    config = session.config
    if not _ours(config) or config.option.collectonly:
        return
    folder = starting(config, "compose")
    try:
        check_docker()
        begin_run(config.stash[RUN])
        elsewhere = on_engine()
        images = build_images(config.stash[SUBJECT], label_of(config), folder)
    except DockerError as error:
        raise pytest.UsageError(f"Compose: {error}") from None
    config.stash[KEPT_COMMANDS] += elsewhere
    os.environ[ORDER_VARIABLE], os.environ[GATEWAY_VARIABLE] = images.order, images.subject
    if config.getoption("--keep"):
        config.stash[KEPT_COMMANDS].append(
            f"docker image rm {' '.join(images.built)}    # once the containers are removed"
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what an interrupted worker may have left behind, and the images that were built here."""
    if _ours(config) and not config.option.collectonly and RUN in config.stash:
        end_run(config.stash[RUN], interrupted=interrupted(config))  # not what is kept: that has a different label


def label_of(config: pytest.Config) -> str:
    """Return the label for everything that this run starts on Docker; nothing sweeps what is to be kept."""
    return os.environ[LABEL] + (KEPT if config.getoption("--keep") else "")


def _ours(config: pytest.Config) -> bool:
    """Whether this process takes care of Docker: not a worker, and only if Compose was requested."""
    return asked_for("compose", config) and not hasattr(config, "workerinput")


def build_images(subject: Subject, label: str, folder: Path) -> Images:
    """Build the image of the services, and build or find that of the subject, under names of this run alone."""
    order, own = (f"{name}:{label}" for name in IMAGES)
    services = ("build", "--file", str(ROOT / "services" / "Dockerfile"), "--tag", order, "--", str(ROOT))
    _build("the image of the order service", services, folder / "build.log")
    if subject.build:
        place = str(subject.folder / subject.build)
        build = ("build", "--tag", own, "--label", f"{RUN_LABEL}={label}", "--", place)
        _build(f"the subject's image ([compose] build = {subject.build!r})", build, folder / "build-subject.log")
        return Images(order, own)
    if subject.image == ORDER_IMAGE:
        return Images(order, order)
    if subject.image and not _there(subject.image):
        _pull(subject.image, folder / "pull.log")
    return Images(order, subject.image)


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
