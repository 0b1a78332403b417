"""The repository's address has one place, and every file that names it agrees."""

import subprocess
from pathlib import Path

import pytest

from tests.harness.commands import address
from tests.harness.commands.address import Address, AddressError
from tests.harness.paths import ROOT

in_a_clone = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the files of a clone are listed by git")

PROJECT = """\
[project]
name = "lb-suite"
[project.urls]
Repository = "https://github.com/OWNER/lb-suite"
Issues = "https://github.com/OWNER/lb-suite/issues"
"""
GUIDE = """\
- uses: OWNER/lb-suite@v0
- uses: actions/checkout@v4
docker run ghcr.io/OWNER/lb-suite:0.1.0
gh attestation verify lb-suite.whl --repo OWNER/lb-suite
pip install git+https://github.com/OWNER/lb-suite.git@v0.1.0
https://OWNER.github.io/lb-suite/guides
https://github.com/grpc/grpc, https://github.com/somebody/lb-suite-of-mine
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone of a small project, whose address is not known yet."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S603, S607, git itself
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "guide.md").write_text(GUIDE)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff OWNER/lb-suite")
    return tmp_path


@in_a_clone
def test_every_file_of_this_repository_agrees() -> None:
    """No file names another address than pyproject.toml does."""
    assert list(address.disagreeing()) == []


@in_a_clone
def test_the_files_that_users_read_do_name_it() -> None:
    """The check above has something to check: the action's users copy the address from the guide."""
    named = {str(file.relative_to(ROOT)) for file, text in address.texts(ROOT) if address.current().slug in text}

    assert {"pyproject.toml", "CHANGELOG.md", "SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml"} <= named
    assert any(name.startswith("docs/") for name in named)


def test_a_new_address_is_written_in_every_form(clone: Path) -> None:
    """Links, the action, the image in small letters and the site; the addresses of others stay."""
    assert address.main(["https://github.com/Acme/Balance.git"], clone) == 0

    assert address.current(clone) == Address("Acme", "Balance")
    assert (clone / "guide.md").read_text() == (
        "- uses: Acme/Balance@v0\n"
        "- uses: actions/checkout@v4\n"
        "docker run ghcr.io/acme/balance:0.1.0\n"
        "gh attestation verify lb-suite.whl --repo Acme/Balance\n"
        "pip install git+https://github.com/Acme/Balance.git@v0.1.0\n"
        "https://Acme.github.io/Balance/guides\n"
        "https://github.com/grpc/grpc, https://github.com/somebody/lb-suite-of-mine\n"
    )


def test_the_address_can_change_again(clone: Path) -> None:
    """Back and forth leaves no trace."""
    address.change(Address("Acme", "Balance"), clone)
    address.change(Address("OWNER", "lb-suite"), clone)

    assert (clone / "pyproject.toml").read_text() == PROJECT
    assert (clone / "guide.md").read_text() == GUIDE


def test_a_file_that_names_another_address_is_found(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its line, and what it should say."""
    with (clone / "guide.md").open("a") as guide:
        guide.write("uses: acme/lb-suite@v0\n")

    assert address.main([], clone) == 1
    assert "guide.md:8: acme/lb-suite instead of OWNER/lb-suite\n" in capsys.readouterr().err


def test_a_placeholder_that_is_left_is_found(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence about the placeholder makes no sense once the address is known."""
    with (clone / "guide.md").open("a") as guide:
        guide.write("OWNER is the account that publishes your copy.\n")

    assert address.main([], clone) == 0
    assert address.main(["https://github.com/acme/lb-suite"], clone) == 1
    assert "guide.md:8: still has OWNER" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["acme/lb-suite", "https://gitlab.com/acme/lb-suite", "https://github.com/acme"])
def test_another_kind_of_address_is_refused(url: str, clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The action and the image live on GitHub; nothing is changed."""
    with pytest.raises(AddressError):
        Address.of(url)

    assert address.main([url], clone) == 2
    assert "https://github.com/<owner>/<name>" in capsys.readouterr().err
    assert (clone / "guide.md").read_text() == GUIDE
