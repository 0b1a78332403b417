"""What a release checks: the tag, the changelog, the address, and the versions that documents show."""

import re
from pathlib import Path

import pytest

from tests.harness.commands import release
from tests.harness.paths import ROOT
from tests.harness.report.version import released

PROJECT = """\
[project]
name = "grpc-lb-conformance"
version = "1.2.0"
[project.urls]
Repository = "https://github.com/Acme/balance"
"""
CHANGELOG = """\
# Changelog

## [Unreleased]

Nothing yet.

## [1.2.0] - 2031-05-06

### Added

- A promise ([contract](docs/contract.md), [gRPC](https://grpc.io)).

## [1.1.0] - 2031-04-05

- Another one.

[1.2.0]: https://github.com/Acme/balance/releases/tag/v1.2.0
"""
SUITE = "grpc-lb-conformance"
GUIDE = f"""\
pipx install grpc_lb_conformance-1.2.0-py3-none-any.whl
docker pull ghcr.io/acme/balance:1.2.0
- uses: acme/{SUITE}@0123abc # v1.2.0
pip install git+https://github.com/acme/{SUITE}.git@v1.2.0
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a tree that may be released as 1.2.0."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "docs" / "guides").mkdir(parents=True)
    (tmp_path / "docs" / "guides" / "ci.md").write_text(GUIDE)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that is there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_right_tag_of_a_tree_that_is_ready_may_be_released(clone: Path) -> None:
    """Exit status 0, and nothing printed; GitHub writes the repository's name in any case."""
    assert release.main(["check", "v1.2.0", "acme/Balance"], clone) == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pyproject.toml", "1.2.0", "1.3.0", "the tag is v1.2.0, and pyproject.toml has version 1.3.0"),
        ("CHANGELOG.md", "2031-05-06", "unreleased", "no heading '## [1.2.0] - YYYY-MM-DD'"),
        ("CHANGELOG.md", "## [1.2.0] - ", "## [1.2.1] - ", "no heading '## [1.2.0] - YYYY-MM-DD'"),
        ("pyproject.toml", "Acme", "OWNER", "the address of the repository is not known yet"),
        ("pyproject.toml", "Acme", "somebody", "the repository is somebody/balance, not acme/balance"),
        ("docs/guides/ci.md", "conformance-1.2.0", "conformance-1.1.0", "ci.md:1: grpc_lb_conformance-1.1.0, and"),
        ("docs/guides/ci.md", "balance:1.2.0", "balance:1.1.0", "ci.md:2: balance:1.1.0, and"),
        ("docs/guides/ci.md", "# v1.2.0", "# v1.1.0", "ci.md:3: grpc-lb-conformance@0123abc # v1.1.0, and"),
        ("docs/guides/ci.md", "@v1.2.0", "@v1.1.0", "ci.md:4: grpc-lb-conformance.git@v1.1.0, and"),
    ],
)
def test_what_is_in_the_way_is_said(  # noqa: PLR0913, PLR0917, a table's columns
    clone: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, complaint: str
) -> None:
    """Exit status 1, and one line for each complaint."""
    edit(clone / file, old, new)

    assert release.main(["check", "v1.2.0", "acme/balance"], clone) == 1
    assert complaint in capsys.readouterr().err


def test_the_notes_are_those_of_this_version(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without headings of versions and the links at the end; a page of releases is not where the documents are."""
    assert release.main(["notes"], clone) == 0
    contract = "[contract](https://github.com/Acme/balance/blob/v1.2.0/docs/contract.md)"
    assert capsys.readouterr().out == f"### Added\n\n- A promise ({contract}, [gRPC](https://grpc.io)).\n"

    edit(clone / "pyproject.toml", "1.2.0", "1.1.0")
    assert release.notes(clone) == "- Another one."


def test_the_changelog_is_kept_as_the_release_reads_it() -> None:
    """Unreleased changes first, then the versions, this one first, under the headings of Keep a Changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = list(release.dates())
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

    assert versions[:2] == ["Unreleased", released()]
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= known
    assert re.findall(r"^\[(.+)\]: https", text, re.MULTILINE) == versions
    assert release.notes()


def test_documents_show_how_to_get_this_version() -> None:
    """Its files, its tag and its image, where they name a version at all."""
    assert list(release.mentions_of_others()) == []
