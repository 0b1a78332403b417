"""What a replica presents over TLS, and what it demands of its clients."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.variables import SettingsError

SERVER, MUTUAL = "server", "mutual"
"""Whose certificates are verified: the replica's alone, or the client's too."""

WITHOUT_ALPN, NEVER = "without-alpn", "never"
"""What may be wrong with a handshake: the replica selects no protocol, or does not answer at all."""

H2 = "h2"
"""HTTP/2 over TLS, as ALPN names it (RFC 9113, 3.1)."""

AUTHORITIES = "ca.pem"


@dataclass(frozen=True, slots=True)
class Tls:
    """
    The TLS of one replica; each comment names the variable.

    The folder holds `ca.pem`, whom clients' certificates are verified with, and certificates with their keys.
    """

    mode: str  # TLS: "server" or "mutual"
    folder: Path  # TLS_FOLDER
    certificate: str  # TLS_CERTIFICATE: a file of the folder without its ".pem"
    handshake: str  # TLS_HANDSHAKE: "" if nothing is wrong with it

    @classmethod
    def if_set(cls, environ: Mapping[str, str]) -> Self | None:
        """Return it, None for plaintext. Raises `SettingsError`, which names the invalid variable."""
        mode, handshake = environ.get("TLS", ""), environ.get("TLS_HANDSHAKE", "")
        if not mode:
            return None
        if mode not in (SERVER, MUTUAL):
            raise SettingsError(f"TLS is {mode!r}: expected {SERVER} or {MUTUAL}")
        if handshake not in ("", WITHOUT_ALPN, NEVER):
            raise SettingsError(f"TLS_HANDSHAKE is {handshake!r}: expected {WITHOUT_ALPN} or {NEVER}")
        found = cls(mode, Path(environ.get("TLS_FOLDER", "")), environ.get("TLS_CERTIFICATE") or "server", handshake)
        try:
            found.context()
        except OSError as error:  # also what ssl raises
            raise SettingsError(f"TLS_FOLDER {str(found.folder)!r}, TLS_CERTIFICATE: {error.strerror}") from None
        return found

    def context(self) -> ssl.SSLContext:
        """Return the context of its connections. Raises OSError for files that are missing or invalid."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{self.certificate}.pem")
        if self.mode == MUTUAL:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.folder / AUTHORITIES)
        if self.handshake != WITHOUT_ALPN:
            context.set_alpn_protocols([H2])
        return context
