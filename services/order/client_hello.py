"""How a connection begins: with a TLS ClientHello, read without answering it, or with something that is not TLS."""

from collections.abc import Iterator
from typing import NamedTuple

HANDSHAKE, CLIENT_HELLO = 22, 1
"""A record's type, and a handshake message's (RFC 8446, B.1, B.3)."""

SERVER_NAME, ALPN, HOST_NAME = 0, 16, 0
"""Extensions (RFC 6066, 3; RFC 7301, 3.1), and the one type of server name."""

RECORD = 5
"""Bytes of a record before its content: type, version, length."""

MESSAGE, RANDOM = 4, 34
"""Bytes of a handshake message before its content, and of a ClientHello's version and random."""


class ClientHello(NamedTuple):
    """The server name that a client sends, "" for none, and the protocols that it offers over ALPN."""

    server_name: str = ""
    protocols: tuple[str, ...] = ()


class NotTlsError(ValueError):
    """What arrived is not the beginning of a TLS connection."""


def size_of(begin: bytes) -> int:
    """Return the bytes of the first record, 0 if they cannot be known yet. Raises NotTlsError."""
    if begin and begin[0] != HANDSHAKE:
        raise NotTlsError("plaintext" if b"PRI * HTTP/2".startswith(begin[:12]) else "not TLS")
    return RECORD + int.from_bytes(begin[3:RECORD], "big") if len(begin) >= RECORD else 0


def read(record: bytes) -> ClientHello:
    """Return what a complete first record holds. Raises NotTlsError if that is not a ClientHello."""
    size_of(record)
    try:
        extensions = dict(_extensions(record[RECORD:]))
        name, protocols = extensions.get(SERVER_NAME, b""), extensions.get(ALPN, b"")
        return ClientHello(_server_name(name), tuple(_protocols(protocols)))
    except (IndexError, UnicodeDecodeError):
        raise NotTlsError("a ClientHello that cannot be read") from None


def _extensions(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each extension's type and content (RFC 8446, 4.1.2)."""
    if message[0] != CLIENT_HELLO:
        raise NotTlsError("not a ClientHello")
    rest = message[MESSAGE + RANDOM :]
    rest = rest[1 + rest[0] :]  # the session's id
    rest = rest[2 + int.from_bytes(rest[:2], "big") :]  # cipher suites
    rest = rest[1 + rest[0] :]  # compression methods
    rest = rest[2:]
    while rest:
        size = int.from_bytes(rest[2:4], "big")
        yield int.from_bytes(rest[:2], "big"), rest[4 : 4 + size]
        rest = rest[4 + size :]


def _server_name(content: bytes) -> str:
    """Return the host name in a list of server names: a length, and for each a type, a length and the name."""
    if not content or content[2] != HOST_NAME:
        return ""
    return content[5 : 5 + int.from_bytes(content[3:5], "big")].decode("ascii")


def _protocols(content: bytes) -> Iterator[str]:
    rest = content[2:]
    while rest:
        yield rest[1 : 1 + rest[0]].decode("ascii")
        rest = rest[1 + rest[0] :]
