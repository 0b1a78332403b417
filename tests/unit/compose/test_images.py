"""The images of a run: names that no other run uses, and that docker does not treat as options."""

from pathlib import Path

import pytest

from tests.compose import images
from tests.compose.docker import DockerError
from tests.compose.images import Images, build_images
from tests.harness.subject.subject import Subject

LABEL = "0123456789-42-89abcdef"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return the docker commands that are run, none of which does anything; no image is there."""
    run: list[tuple[str, ...]] = []

    def _run(*arguments: str, **_: object) -> str:
        run.append(arguments)
        if arguments[:2] == ("image", "inspect"):
            raise DockerError("no such image")
        return ""

    monkeypatch.setattr(images, "command", _run)
    return run


def _after_dashes(command: tuple[str, ...]) -> list[str]:
    return list(command[command.index("--") + 1 :])


def test_each_run_has_an_order_service_for_itself(commands: list[tuple[str, ...]], tmp_path: Path) -> None:
    """Two clones on one engine do not overwrite each other's; the reference gateway is in the same image."""
    subject = Subject(name="reference", folder=tmp_path, image="grpc-lb-conformance")

    built = build_images(subject, LABEL, tmp_path)

    assert built == Images(f"grpc-lb-conformance:{LABEL}", f"grpc-lb-conformance:{LABEL}")
    assert built.built == [f"grpc-lb-conformance:{LABEL}"]
    assert [command[0] for command in commands] == ["build"]
    assert f"grpc-lb-conformance:{LABEL}" in commands[0]


def test_a_subject_that_is_built_has_a_name_and_label_of_its_run(
    commands: list[tuple[str, ...]], tmp_path: Path
) -> None:
    """By which the next run finds it, should this one be killed."""
    built = build_images(Subject(name="x", folder=tmp_path, build="-here"), LABEL, tmp_path)

    assert built.subject == f"grpc-lb-conformance-subject:{LABEL}"
    assert len(built.built) == 2
    assert f"grpc-lb-conformance.run={LABEL}" in commands[1]
    assert _after_dashes(commands[1]) == [f"{tmp_path}/-here"]


@pytest.mark.parametrize("name", ["--help", "-v=/:/host", "acme/gateway:1.4"])
def test_the_name_of_an_image_is_never_an_option(commands: list[tuple[str, ...]], tmp_path: Path, name: str) -> None:
    """It comes from a subject file or the command line; docker refuses what is no name."""
    built = build_images(Subject(name="x", folder=tmp_path, image=name), LABEL, tmp_path)

    assert [_after_dashes(command) for command in commands[1:]] == [[name], [name]]
    assert built.subject == name
    assert built.built == [f"grpc-lb-conformance:{LABEL}"]
