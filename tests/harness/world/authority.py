"""
The certificates of a run over TLS: one authority, what replicas and gateway present, and what is wrong with some.

They are made when a subject first needs them. Keys stay in one folder of the run, for its user only, and go with it.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

from services.order.tls import AUTHORITIES, MUTUAL
from tests.harness.world.certificates import ANOTHER_CA, EXPIRED, RENEWED, RIGHT, WRONG_NAME

CLIENT, CLIENT_KEY = "client.pem", "client.key"

ORGANIZATION = "grpc-lb-conformance"

OTHER_NAME = "another-service"
"""The name in a certificate of another service."""

OLD = timedelta(days=30)
"""How long ago an expired certificate was issued; it was valid until yesterday."""


class Certificates:
    """The certificates of a run, in a folder that is made with the first; replicas have one for each name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority: trustme.CA | None = None

    def replica_variables(self, mode: str, name: str, names: Iterable[str]) -> dict[str, str]:
        """Return the variables of an order service over TLS; `name` is the service's, among all its `names`."""
        if self._authority is None:
            self._authority = _new_authority(ORGANIZATION)
            client = self._authority.issue_cert("gateway")
            self._write(AUTHORITIES, self._authority.cert_pem.bytes())
            self._write(CLIENT, b"".join(part.bytes() for part in client.cert_chain_pems))
            self._write(CLIENT_KEY, client.private_key_pem.bytes())
        if not (self._folder / name).exists():
            self._write(f"{name}/{AUTHORITIES}", self._authority.cert_pem.bytes())
            for certificate, issued in _of_replicas(self._authority, list(names)):
                self._write(f"{name}/{certificate}.pem", issued.private_key_and_cert_chain_pem.bytes())
        return {"TLS": mode, "TLS_FOLDER": str(self._folder / name)}

    def files(self, mode: str) -> dict[str, str]:
        """Return the files that a gateway is given, by their placeholders; none in plaintext."""
        if not mode:
            return {}
        own = {"cert_file": CLIENT, "key_file": CLIENT_KEY} if mode == MUTUAL else {}
        return {name: str(self._folder / file) for name, file in ({"ca_file": AUTHORITIES} | own).items()}

    def contents(self, name: str) -> dict[str, bytes]:
        """Return what the files of a service's replicas contain, by their names, once they have variables."""
        return {file.name: file.read_bytes() for file in sorted((self._folder / name).iterdir())}

    def remove(self) -> None:
        """Remove them, keys and all; a second call does nothing."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._authority = None

    def _write(self, name: str, content: bytes) -> None:
        file = self._folder / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(content)


def _new_authority(organization: str) -> "trustme.CA":
    import trustme  # noqa: PLC0415, it takes 50 ms, and most runs are in plaintext

    return trustme.CA(organization_name=organization)


def _of_replicas(authority: "trustme.CA", names: Sequence[str]) -> "Iterator[tuple[str, trustme.LeafCert]]":
    """Yield what a replica may present, with its name."""
    now = datetime.now(UTC)
    yield RIGHT, authority.issue_cert(*names)
    yield RENEWED, authority.issue_cert(*names)
    yield WRONG_NAME, authority.issue_cert(OTHER_NAME)
    yield EXPIRED, authority.issue_cert(*names, not_before=now - OLD, not_after=now - timedelta(days=1))
    yield ANOTHER_CA, _new_authority(f"not {ORGANIZATION}").issue_cert(*names)
