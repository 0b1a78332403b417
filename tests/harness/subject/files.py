"""
Files of a subject with the addresses of each start in them: [files] of a subject file.

A service that takes neither flags nor variables reads its addresses from a file. `[files] config = "app.yaml.template"`
has the file copied at each start, its placeholders filled, and `{config_file}` is the path of the copy.

Files have braces of their own kind: JSON, YAML, Go templates, the format of a log. So only the names of placeholders
are replaced, and any other `{word}` stays as it is; but one that must be a misspelt address is refused.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from tests.harness.subject.placeholders import FILE, PLACEHOLDERS, Places, is_misspelt
from tests.harness.subject.tables import SubjectFileError
from tests.harness.subject.templates import known_filled, names_in
from tests.harness.suggestion import did_you_mean

IN_CONTAINERS = "/grpc-lb-conformance"
"""The folder in a container that has the files, each in a folder of its name."""

OTHERS = ("ca", "cert", "key")
"""Names whose placeholder is another's: certificates of a run over TLS."""

LONGEST = 64 << 10
"""Bytes of a file: on Kubernetes, annotations of a pod hold them, of which there are 256 KiB."""

_NAME = re.compile(r"[a-z][a-z_]*")

_TEMPLATE = (".template", ".tmpl", ".tpl", ".in")
"""Ends of a template's name that its copy lacks: a program may go by what remains, such as `.yaml`."""


def read_files(table: Mapping[str, object], folder: Path) -> dict[str, Path]:
    """Return the files of [files], relative to a folder, by their names. Raises SubjectFileError."""
    return {name: _checked(name, value, folder) for name, value in table.items()}


def _checked(name: str, value: object, folder: Path) -> Path:
    if not _NAME.fullmatch(name) or name in OTHERS:
        raise SubjectFileError(
            f"[files] {name}: must be a name of lower-case letters and _, other than ca, cert and key"
        )
    if not isinstance(value, str) or not value:
        raise SubjectFileError(f"[files] {name} is {value!r}: must be the path of a file")
    path = folder / value
    text = _read(name, path)
    for word in names_in(text):
        if is_misspelt(word):
            raise SubjectFileError(
                f"[files] {name}: {value} has an unknown placeholder {{{word}}}{did_you_mean(word, PLACEHOLDERS)} "
                f"(the text itself is {{{{{word}}}}})"
            )
    return path


def filled_files(files: Mapping[str, Path], places: Places, folder: str) -> tuple[Places, dict[str, bytes]]:
    """
    Return the addresses of one start with the paths of the copies in them, and the copies by their paths.

    `folder` is where they will be, in a container or here. Raises SubjectFileError for a file that cannot be read.
    """
    paths = {name: str(PurePath(folder, name, _name_of_copy(path))) for name, path in files.items()}
    complete = dataclasses.replace(
        places, files={**places.files, **{f"{name}{FILE}": path for name, path in paths.items()}}
    )
    return complete, {
        paths[name]: known_filled(_read(name, path), complete.values, is_misspelt).encode()
        for name, path in files.items()
    }


def write_all(copies: Mapping[str, bytes]) -> None:
    """Write copies to their paths on this machine, for this user alone: they may hold a secret."""
    for path, content in copies.items():
        file = Path(path)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(content)


def _name_of_copy(path: Path) -> str:
    return path.stem if path.suffix in _TEMPLATE else path.name


def _read(name: str, path: Path) -> str:
    try:
        content = path.read_bytes()
        text = content.decode()
    except OSError as error:
        raise SubjectFileError(f"[files] {name}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SubjectFileError(f"[files] {name}: {path} is not text in UTF-8") from None
    if len(content) > LONGEST:
        raise SubjectFileError(f"[files] {name}: {path} has {len(content)} bytes, and at most {LONGEST} are copied")
    return text
