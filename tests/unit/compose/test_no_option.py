"""A path is no shell's, and a name is no option's: where the suite is installed, and what an image is called."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.compose.container import Project
from tests.compose.docker import DockerError
from tests.compose.environment import network
from tests.compose.images import build_images
from tests.harness.subject.subject import Subject

RECORD = """\
import json, sys
with open({file!r}, "a", encoding="utf-8") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
sys.exit("invalid reference format" if "--privileged" in sys.argv else 0)
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file with the arguments of each call of docker, for which a script stands in."""
    record = tmp_path / "calls"
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{RECORD.format(file=str(record))}", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return record


def recorded(calls: Path) -> list[list[str]]:
    """Return the arguments of each call."""
    return [json.loads(line) for line in calls.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("folder", ["a b", "$(touch hit)", "`touch hit`", '"; touch hit; "', "it's", "$HOME", "\\"])
def test_the_path_of_the_suite_is_not_read_by_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: Path, folder: str
) -> None:
    """Docker gets it as it is, to set up and to take down."""
    monkeypatch.chdir(tmp_path)
    file = f"/{folder}/compose.yaml"
    with network(Project("p", Path(file), {}, tmp_path), "docker compose", file, ["up"], ["down"], keep=False):
        pass

    assert [call[1] for call in recorded(calls)] == [f"--file={file}"] * 2
    assert [call[-1] for call in recorded(calls)] == ["up", "down"]
    assert not (tmp_path / "hit").exists()


def test_an_image_is_a_name_even_if_it_looks_like_an_option(tmp_path: Path, calls: Path) -> None:
    """What comes after the -- is a name, which docker rejects, or a folder."""
    subject = Subject("acme", tmp_path, image="--privileged")

    with pytest.raises(DockerError, match="'--privileged' is not on this machine and cannot be pulled"):
        build_images(subject, "label", tmp_path)
    assert [call[-2] for call in recorded(calls)] == ["--", "--", "--"]
    assert [call[0] for call in recorded(calls)] == ["build", "image", "pull"]
