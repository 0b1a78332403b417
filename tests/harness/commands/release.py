"""
`python -m tests.harness.commands.release check TAG REPOSITORY`: whether that tag may be released from there.

`… notes` prints what CHANGELOG.md has about this version. Both need Python's standard library alone.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.harness.commands import address
from tests.harness.paths import ROOT
from tests.harness.report.version import released

HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>.+))?$", re.MULTILINE)
"""The heading of a version in CHANGELOG.md; "Unreleased" has no date, and a version in preparation has none yet."""

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def complaints(tag: str, repository: str, root: Path = ROOT) -> Iterator[str]:
    """Yield what is in the way of releasing a tag from a repository, "owner/name"."""
    version, here = released(root), address.current(root)
    if tag != f"v{version}":
        yield f"the tag is {tag}, and pyproject.toml has version {version}"
    if not DATE.fullmatch(dates(root).get(version, "")):
        yield f"CHANGELOG.md has no heading '## [{version}] - YYYY-MM-DD'"
    if not here.known:
        yield "the address of the repository is not known yet: make address URL=…"
    elif here.slug.lower() != repository.lower():
        yield f"pyproject.toml names the repository {here.slug}, not {repository}"
    yield from mentions_of_others(root)


def dates(root: Path = ROOT) -> dict[str, str]:
    """Return the versions in CHANGELOG.md, in its order, with what stands for their dates, or ""."""
    return {found["version"]: found["date"] or "" for found in HEADING.finditer(_changelog(root))}


def notes(root: Path = ROOT) -> str:
    """Return what CHANGELOG.md has about this version, without its heading, with links that work on any page, or ""."""
    parts = HEADING.split(_changelog(root))
    text = dict(zip(parts[1::3], parts[3::3], strict=True)).get(released(root), "")
    tree = f"https://github.com/{address.current(root).slug}/blob/v{released(root)}"
    linked = re.sub(r"\]\((?!https?:)", f"]({tree}/", text)
    return re.sub(r"^\[[^\]]+\]: .*$", "", linked, flags=re.MULTILINE).strip()


def mentions_of_others(root: Path = ROOT) -> Iterator[str]:
    """Yield each place where a document shows how to get another version than this: its file, tag, image or action."""
    name = f"(?:grpc-lb-conformance|{re.escape(address.current(root).name)})"
    file_name = r"grpc_lb_conformance-(\d+\.\d+\.\d+)"
    tag_or_image, commit = rf"{name}(?:-suite|\.git)?(?:@v|:)(\d+\.\d+\.\d+)", rf"{name}@\S+ # v(\d+\.\d+\.\d+)"
    mention = re.compile(f"{file_name}|{tag_or_image}|{commit}")
    for file in sorted({*root.glob("*.md"), *root.glob("docs/guides/*.md")} - {root / "CHANGELOG.md"}):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for found in mention.finditer(line):
                if released(root) not in found.groups():
                    yield f"{file.relative_to(root)}:{number}: {found[0]}, and the version is {released(root)}"


def _changelog(root: Path) -> str:
    return (root / "CHANGELOG.md").read_text(encoding="utf-8")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Check a tag, or print the notes of this version; return 0 if there is nothing to complain about."""
    command, *given = sys.argv[1:] if arguments is None else arguments
    if command == "notes":
        sys.stdout.write(f"{notes(root)}\n")
        return 0
    tag, repository = given
    found = list(complaints(tag, repository, root))
    sys.stderr.writelines(f"{complaint}\n" for complaint in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
