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

HTTP_PORT = 4000
"""Where the replicas' own probes are answered in a container."""

_SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
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

    def reason_against(self, environment: str) -> str:
        """Return why an environment of containers cannot have such a service, "" if it can."""
        if environment == "kind" and self.port != PORT:
            return f"on Kubernetes the replicas listen on port {PORT}"
        if environment == "kind" and self.name != NAME and (not _SERVICE.fullmatch(self.name) or NAME in self.name):
            return (
                "a Service of Kubernetes has a name of one part that begins with a letter, and is none of the suite's"
            )
        if environment == "compose" and {self.port, self.port + 1} & {HTTP_PORT, 2**16}:
            return f"in containers the replicas listen for HTTP on port {HTTP_PORT}, and over TLS on the next port, too"
        return ""


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
