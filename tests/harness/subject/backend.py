"""Where a subject finds its service, and how it speaks to it: name, port and tls of [service] in a subject file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.order.tls import MUTUAL, SERVER
from tests.harness.subject.tables import Kind, SubjectFileError

KEYS: dict[str, Kind] = {"name": str, "port": int, "tls": str}

MODES = ("", SERVER, MUTUAL)

NAME, PORT = "order-service", 5000
"""What a subject dials by default."""

_NAME = re.compile(r"(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?)*")


@dataclass(frozen=True)
class Backend:
    """
    The name that a subject dials, which the replicas' certificates carry, and the port that it dials in containers.

    `tls` is "" for plaintext, "server" if the replicas present certificates, "mutual" if the subject does, too.
    """

    name: str = NAME
    port: int = PORT
    tls: str = ""


def read_backend(table: Mapping[str, Any]) -> Backend:
    """Return what a checked [service] has of it. Raises SubjectFileError."""
    found = Backend(**{key: table[key] for key in KEYS if key in table})
    if not _NAME.fullmatch(found.name):
        raise SubjectFileError(f'[service] name is {found.name!r}: must be a host name such as "inventory"')
    if not 0 < found.port < 2**16:
        raise SubjectFileError(f"[service] port is {found.port}: must be from 1 to 65535")
    if found.tls not in MODES:
        raise SubjectFileError(f'[service] tls is {found.tls!r}: must be "{SERVER}" or "{MUTUAL}"')
    return found
