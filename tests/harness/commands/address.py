"""
`python -m tests.harness.commands.address URL`: put the repository's address everywhere it is written.

It has one place, `[project.urls] Repository` in pyproject.toml; every other file that names it has to agree. Without a
URL the command prints the address, and each place that names another one.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.paths import ROOT

PLACEHOLDER = "OWNER"
"""The owner until the address is known. In capitals, so that no image can have the name."""

GITHUB = re.compile(r"https://github\.com/(?P<owner>[\w-]+)/(?P<name>[\w.-]+?)(\.git)?/?")


class AddressError(Exception):
    """The project cannot have this address; the message is one line."""


@dataclass(frozen=True)
class Address:
    """A repository on GitHub, which the action, the image and the release workflow depend on."""

    owner: str
    name: str

    @classmethod
    def of(cls, url: str) -> "Address":
        """Return the address that a URL names. Raises AddressError."""
        found = GITHUB.fullmatch(url)
        if not found:
            raise AddressError(f"{url!r} is not of the form https://github.com/<owner>/<name>")
        return cls(found["owner"], found["name"])

    @property
    def known(self) -> bool:
        """Whether it is more than the placeholder."""
        return self.owner != PLACEHOLDER

    @property
    def slug(self) -> str:
        """Owner and name, as GitHub writes them."""
        return f"{self.owner}/{self.name}"

    def like(self, found: re.Match[str]) -> str:
        """Return the address in the form that was found: an image's name has small letters only."""
        if ".github.io/" in found[0]:
            return f"{self.owner}.github.io/{self.name}"
        return self.slug.lower() if self.known and found.string[: found.start()].endswith("ghcr.io/") else self.slug


def current(root: Path = ROOT) -> Address:
    """Return the address from its one place."""
    return Address.of(_project(root)["urls"]["Repository"])


def disagreeing(root: Path = ROOT) -> Iterator[str]:
    """Yield "FILE:LINE: …" for each place that names another address."""
    address = current(root)
    written = _written(address.name, _project(root)["name"])
    for file, text in texts(root):
        for number, line in enumerate(text.splitlines(), 1):
            for found in written.finditer(line):
                if found[0] != address.like(found):
                    yield f"{file.relative_to(root)}:{number}: {found[0]} instead of {address.like(found)}"


def change(address: Address, root: Path = ROOT) -> list[Path]:
    """Write the address into every file that names one; return the files that changed."""
    written = _written(current(root).name, address.name, _project(root)["name"])
    changed = {file: put for file, text in texts(root) if (put := written.sub(address.like, text)) != text}
    for file, text in changed.items():
        file.write_text(text, encoding="utf-8")
    return list(changed)


def placeholders(root: Path = ROOT) -> Iterator[str]:
    """Yield "FILE:LINE" for each line of a document that still has the placeholder, in a form unknown here."""
    for file, text in texts(root):
        if file.suffix in {".md", ".yml"}:
            lines = enumerate(text.splitlines(), 1)
            yield from (f"{file.relative_to(root)}:{number}" for number, line in lines if PLACEHOLDER in line)


def texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the text files of a clone, those that are not committed yet included."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603, our own command
    for file in sorted(root / name for name in set(listed.split("\0")) if name):
        if file.is_file() and not file.is_symlink():
            try:
                yield file, file.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture


def _written(*names: str) -> re.Pattern[str]:
    """Return the forms in which a repository of one of these names is written: link, image, action and site."""
    name = "|".join(map(re.escape, sorted(set(names), key=len, reverse=True)))
    places = "|".join(rf"(?<={before})" for before in (r"github\.com/", r"ghcr\.io/", "uses: ", "--repo "))
    return re.compile(
        rf"(?:{places})[\w-]+/(?:{name})(?![\w-])|(?<=https://)[\w-]+\.github\.io/(?:{name})(?![\w-])", re.IGNORECASE
    )


def _project(root: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Change the address, or print what it is; return 0 if every file agrees."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        changed = change(Address.of(given[0]), root) if given else []
    except AddressError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.writelines(f"changed {file.relative_to(root)}\n" for file in changed)
    sys.stdout.write(f"the address is {current(root).slug}\n")
    wrong = list(disagreeing(root))
    left = list(placeholders(root)) if current(root).known else []
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    sys.stderr.writelines(f"{line}: still has {PLACEHOLDER}: edit it by hand\n" for line in left)
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
