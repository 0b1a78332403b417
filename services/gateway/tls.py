"""The files of TLS that the gateway's environment names; gRPC takes them as bytes, so they are read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from services.variables import SettingsError


@dataclass(frozen=True, slots=True)
class Files:
    """In PEM: whom the gateway trusts, and the certificate that it presents with its key, None for none."""

    authorities: bytes
    certificate: bytes | None = None
    key: bytes | None = None

    @classmethod
    def if_set(cls, environ: Mapping[str, str]) -> Self | None:
        """
        Return what CA_FILE, CERT_FILE and KEY_FILE name, None without CA_FILE: the gateway then speaks plaintext.

        Raises `SettingsError` for a file that cannot be read, and for a certificate without its key.
        """
        authorities, certificate, key = (_read(environ, name) for name in ("CA_FILE", "CERT_FILE", "KEY_FILE"))
        if (certificate is None) != (key is None):
            raise SettingsError("CERT_FILE and KEY_FILE go together: one of them is not set")
        return None if authorities is None else cls(authorities, certificate, key)

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        """The credentials of a channel."""
        return grpc.ssl_channel_credentials(self.authorities, self.key, self.certificate)


def _read(environ: Mapping[str, str], name: str) -> bytes | None:
    path = environ.get(name)
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"{name} is {path!r}: {error.strerror}") from None
