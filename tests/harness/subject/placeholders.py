"""
What stands in a subject's command and variables for the addresses that each start has: `--listen={http_address}`.

A file in which none of the names occurs that nothing else has, and that describes neither its call nor its service, has
no placeholders: the braces in it mean something to its gateway, such as `{name}` in the format of a log.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.harness.subject.backend import Backend
from tests.harness.subject.tables import SubjectFileError
from tests.harness.subject.templates import check_names, filled, names_in

ADDRESSES = {
    "http_address": "where it listens for HTTP, host:port",
    "http_host": "the host of that",
    "http_port": "the port of that",
    "target": "the gRPC target that it dials, as gRPC's resolvers take it",
    "resolver": "the name server that knows the target's name, host:port",
    "ca_file": "the file with the certificate authority of the replicas, in PEM",
    "cert_file": "the file with the subject's own certificate, in PEM",
    "key_file": "the file with the key of that",
}
"""Names that occur in a file for one reason only."""

PLACEHOLDERS = {
    **ADDRESSES,
    "name": "the name that it dials",
    "port": "the port that it dials",
}

FILE = "_file"
"""What follows the name of a file in the placeholder for its path (files.py)."""

HTTP_PORT = 4000
"""Where a gateway listens in a container."""

OF_TLS = {"ca_file": ("server", "mutual"), "cert_file": ("mutual",), "key_file": ("mutual",)}
"""The placeholders that only some modes of TLS have a value for."""

SIMILAR = 0.8
"""How similar to one of ADDRESSES a name is that must be a misspelling of it, as difflib measures that."""


@dataclass(frozen=True)
class Places:
    """The addresses of one start."""

    http_address: str
    target: str
    name: str
    port: int
    resolver: str = ""
    files: Mapping[str, str] = field(default_factory=dict)  # paths by their placeholders: of copies (files.py), of TLS

    @property
    def values(self) -> Mapping[str, str]:
        """The value of each placeholder."""
        return {
            "http_address": self.http_address,
            "http_host": self.http_address.rpartition(":")[0],
            "http_port": self.http_address.rpartition(":")[2],
            "target": self.target,
            "resolver": self.resolver,
            "name": self.name,
            "port": str(self.port),
            **self.files,
        }


def places_in_a_container(pointing: Mapping[str, str], backend: Backend, *, resolver: str = "") -> Places:
    """Return the addresses in a container, where they are the same for each start but for a mutant's target."""
    target = pointing.get("ORDER_SERVICE_TARGET", f"dns:///{backend.name}:{backend.port}")
    return Places(f"0.0.0.0:{HTTP_PORT}", target, backend.name, backend.port, resolver)


def texts_of(commands: Mapping[str, Iterable[str]], variables: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of commands, by their sections, and of variables, by what an error calls them."""
    texts = {f"[{section}] command": " ".join(command) for section, command in commands.items()}
    return texts | {f"[environment] {name}": text for name, text in variables.items()}


def has_placeholders(texts: Mapping[str, str], files: Iterable[str], *, described: bool, tls: str = "") -> bool:
    """
    Return whether these texts have placeholders at all; the paths of these files are placeholders, too.

    They have if the subject file has [call], [stream], [service] or [files], `described`, or if a name of ADDRESSES
    occurs, maybe misspelt. Raises SubjectFileError for an unknown one then.
    """
    found = [name for text in texts.values() for name in names_in(text)]
    if not (described or any(map(_is_an_address, found))):
        return False
    for what, text in texts.items():
        check_names(what, text, [*PLACEHOLDERS, *(f"{name}{FILE}" for name in files)])
        for name in names_in(text):
            if tls not in OF_TLS.get(name, (tls,)):
                modes = " or ".join(f'"{mode}"' for mode in OF_TLS[name])
                raise SubjectFileError(f"{what} has {{{name}}}: that needs [service] tls = {modes}")
    _check_used(files, texts.values())
    return True


def _check_used(files: Iterable[str], texts: Iterable[str]) -> None:
    """Raise SubjectFileError for a file whose placeholder occurs in no text: its copy would be read by no program."""
    used = {name for text in texts for name in names_in(text)}
    for name in files:
        if f"{name}{FILE}" not in used:
            raise SubjectFileError(
                f"[files] {name}: {{{name}{FILE}}}, the path of its copy, is in no command and no variable"
            )


def is_misspelt(name: str) -> bool:
    """Say whether a name is none of the placeholders, and must be a misspelling of one of ADDRESSES."""
    return name not in PLACEHOLDERS and _is_an_address(name)


def _is_an_address(name: str) -> bool:
    return bool(difflib.get_close_matches(name, list(ADDRESSES), n=1, cutoff=SIMILAR))


def in_command(command: Sequence[str], places: Places) -> tuple[str, ...]:
    """Return a command with its placeholders filled."""
    return tuple(filled(word, places.values) for word in command)


def in_variables(variables: Mapping[str, str], places: Places) -> dict[str, str]:
    """Return variables with the placeholders in their values filled."""
    return {name: filled(text, places.values) for name, text in variables.items()}
