"""What is said where Docker is not as it has to be; a script stands in for the docker command."""

from pathlib import Path

import pytest
import requests
from docker.errors import APIError

from tests.compose import docker
from tests.compose.docker import DockerError, check_docker, command, engine_errors
from tests.harness.world.answering import Answering

NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
NO_PERMISSION = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"


@pytest.fixture(autouse=True)
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has an engine of which nothing is known yet."""
    monkeypatch.setattr(docker, "_ANSWERING", Answering(docker._ping))


def _stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"echo '{NO_DAEMON}' >&2; exit 1", f"the Docker daemon does not respond.*{NO_DAEMON[:20]}"),
        (f"echo '{NO_PERMISSION}' >&2; exit 1", "permission denied by the Docker daemon"),
        ('[ "$1" = version ] && echo 26.1', "Docker Compose is not installed.*2.20 or newer"),
        ("echo 2.10.2", "Docker Compose 2.10.2 is not supported. Install the plugin, 2.20 or newer"),
        ("echo dev", "Docker Compose dev is not supported"),
    ],
    ids=["no daemon", "no permission", "no compose", "old compose", "no version"],
)
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: str) -> None:
    """Each thing that Compose needs is asked for, and what is missing is said with what to do."""
    _stand_in(monkeypatch, tmp_path, script)

    with pytest.raises(DockerError, match=words):
        check_docker()


def test_without_a_docker_command_it_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Docker is told so, by the check and by any command."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DockerError, match="docker is not installed"):
        check_docker()
    with pytest.raises(DockerError, match="docker is not installed"):
        command("version")


@pytest.mark.parametrize("version", ["2.20.0", "v2.26.1-4", "3.0"])
def test_a_machine_that_has_all_is_let_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    """Compose 2.20 and newer will do, however its version is written."""
    _stand_in(monkeypatch, tmp_path, f"echo {version}")

    check_docker()


def test_a_command_that_fails_says_its_last_line_and_all_of_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The last line of what a failed command said is the message; the log has everything."""
    _stand_in(monkeypatch, tmp_path, "echo step 1; echo cannot: broken >&2; echo 'exit status 1' >&2; exit 1")

    with pytest.raises(DockerError, match=r"^cannot: broken$"):
        command("build", log=tmp_path / "build.log")
    assert (tmp_path / "build.log").read_text(encoding="utf-8") == "step 1\ncannot: broken\nexit status 1\n"


def test_a_command_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beyond its patience a command is named and given up."""
    _stand_in(monkeypatch, tmp_path, "while :; do :; done")

    with pytest.raises(DockerError, match=r"`docker ps …` took longer than 0 s"):
        command("ps", patience=0.2)


def test_an_engine_that_left_a_request_unanswered_is_sent_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run would wait a minute for each; until it answers a ping. A refusal says nothing of that."""
    _stand_in(monkeypatch, tmp_path, '[ "$1" = ps ] && echo up')
    stuck = "the Docker daemon does not respond.*left an earlier request unanswered for 60 s"

    with pytest.raises(DockerError), engine_errors("looking"):
        raise requests.ConnectionError("refused")
    assert command("ps") == "up"
    with pytest.raises(DockerError), engine_errors("looking"):
        raise requests.ReadTimeout("60 s")

    with pytest.raises(DockerError, match=f"^`docker ps …`: {stuck}"):
        command("ps")
    with pytest.raises(DockerError, match=f"^starting one: {stuck}"), engine_errors("starting one"):
        raise AssertionError("nothing is tried")

    _stand_in(monkeypatch, tmp_path, "echo up")
    assert command("ps") == "up"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("write /var/lib: no space left on device", "docker system prune"),
        ("could not find an available, non-overlapping IPv4 address pool", "docker network prune"),
    ],
    ids=["disk", "addresses"],
)
def test_what_is_known_to_help_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, advice: str) -> None:
    """What mends a known failure is said with it, wherever in the command's output it showed."""
    _stand_in(monkeypatch, tmp_path, f"echo '{said}' >&2; echo failed to solve >&2; exit 1")

    with pytest.raises(DockerError, match=f"^failed to solve. .*{advice}"):
        command("compose", "build")


def test_a_failure_of_the_api_is_said_with_what_was_done() -> None:
    """What the engine refuses, and an engine that is gone, are errors in words; others are left alone."""
    with (
        pytest.raises(DockerError, match=r"^starting one: no such image: acme/x. Build it"),
        engine_errors("starting one"),
    ):
        raise APIError("404", explanation="no such image: acme/x")
    with pytest.raises(DockerError, match=r"^looking: the Docker daemon does not respond"), engine_errors("looking"):
        raise requests.ConnectionError("refused")
    with pytest.raises(KeyError), engine_errors("looking"):
        raise KeyError("State")
