"""
Environment variables as typed values, for both services.

Each function takes the environment, the name of a variable and its default, used if it is unset or empty, and raises
`SettingsError`, which names the variable and its value.
"""

import re
from collections.abc import Mapping

_HIGHEST_PORT = 65_535
_METADATA_KEY = re.compile(r"[a-z0-9._-]+")
_HIGHEST_MILLISECONDS = _HIGHEST_BYTES = 2**31 - 1  # gRPC's channel arguments are 32-bit signed integers


class SettingsError(ValueError):
    """A setting that a service cannot start with. Its message is one line for the person who set it."""


def milliseconds(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return a number of milliseconds, 0 or more."""
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_MILLISECONDS):
        raise SettingsError(f"{name} is {text!r}: expected whole milliseconds from 0 to {_HIGHEST_MILLISECONDS}")
    return int(text)


def size_if_set(environ: Mapping[str, str], name: str) -> int | None:
    """Return a number of bytes, 0 or more, or None to use the library's default."""
    text = environ.get(name) or "0"
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_BYTES):
        raise SettingsError(f"{name} is {text!r}: expected whole bytes from 0 to {_HIGHEST_BYTES}")
    return int(text) if environ.get(name) else None


def milliseconds_if_set(environ: Mapping[str, str], name: str) -> int | None:
    """Return a number of milliseconds, 0 or more, or None to use the library's default."""
    return milliseconds(environ, name, default=0) if environ.get(name) else None


def flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return whether a switch is on: `true` or `false`, in any case."""
    text = environ.get(name) or str(default)
    if text.lower() not in ("true", "false"):
        raise SettingsError(f"{name} is {text!r}: expected true or false")
    return text.lower() == "true"


def flag_if_set(environ: Mapping[str, str], name: str) -> bool | None:
    """Return whether a switch is on, or None if that is configured elsewhere."""
    return flag(environ, name, default=False) if environ.get(name) else None


def address(environ: Mapping[str, str], name: str, default: str) -> str:
    """Return a `host:port` to listen on; with port 0 the system chooses one."""
    text = environ.get(name) or default
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT):
        raise SettingsError(f"{name} is {text!r}: expected host:port")
    return text


def address_if_set(environ: Mapping[str, str], name: str) -> str | None:
    """Return a `host:port` to listen on, or None if the variable is unset or empty."""
    return address(environ, name, default="") if environ.get(name) else None


def metadata_key_if_set(environ: Mapping[str, str], name: str) -> str | None:
    """Return a gRPC metadata key with text values, or None if the variable is unset or empty."""
    text = environ.get(name) or None
    if text is not None and (not _METADATA_KEY.fullmatch(text) or text.startswith("grpc-") or text.endswith("-bin")):
        raise SettingsError(f"{name} is {text!r}: expected a lower-case metadata key, not grpc-… or …-bin")
    return text


def host_and_port(address: str) -> tuple[str, int]:
    """Split what `address` accepted into host and port, as sockets want them: IPv6 without brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
