"""
What a gateway left running that is not its child: a container, or something that a service started for it.

Such a thing keeps its connections to the replicas, and they would be counted as the next gateway's.
"""

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError

PATIENCE = 1.0
"""Seconds until the connections of killed processes are closed; the kernel does that as they exit."""


def check_none_left(address: tuple[str, int], subnet: str, port: int) -> None:
    """
    Raise InconclusiveError if anything still listens at a former gateway's address, or is connected to a replica.

    `subnet` is "127.a.b", in which all replicas are, and `port` is theirs. Our own connections do not count.
    """
    _wait(lambda: not listens(address), f"still listens on {address[0]}:{address[1]}")
    _wait(lambda: not connected(subnet, port), "is still connected to a replica")


def _wait(condition: Callable[[], bool], what: str) -> None:
    try:
        reached(condition, within=PATIENCE, what="nothing of the last gateway is left")
    except InconclusiveError:
        raise InconclusiveError(
            f"the last gateway's processes were ended, but something that it started {what}: a container, perhaps. The "
            "command must run the gateway as its child; an image is judged with [compose] image or --gateway-image"
        ) from None


def listens(address: tuple[str, int]) -> bool:
    """Say whether a connection to this address is accepted."""
    try:
        with socket.create_connection(address, timeout=PATIENCE):
            return True
    except OSError:
        return False


def connected(subnet: str, port: int) -> list[str]:
    """Return the address of a replica for each established connection to one that is not this process's own."""
    ours = _own_sockets()
    led_to = b":%04X 01 " % port  # the remote port, and the state ESTABLISHED (proc(5), /proc/net/tcp)
    lines = [line for name in ("tcp", "tcp6") for line in _table(name) if led_to in line]
    rows = [line.split() for line in lines]
    ends = [_ip(row[2].partition(b":")[0]) for row in rows if row[9] not in ours]
    return [ip for ip in ends if ip.startswith(f"{subnet}.")]


def _table(name: str) -> list[bytes]:
    try:
        return Path("/proc/net", name).read_bytes().splitlines()
    except OSError:  # no Linux, or no IPv6
        return []


def _ip(address: bytes) -> str:
    """Return an IPv4 address, also one that is mapped into IPv6: its last 32 bits, in the order of this machine."""
    return socket.inet_ntoa(struct.pack("=I", int(address[-8:], 16)))


def _own_sockets() -> set[bytes]:
    """Return the inodes of this process's sockets, as /proc/net/tcp has them."""
    found = set()
    for descriptor in Path("/proc/self/fd").glob("*"):
        try:
            target = str(descriptor.readlink())
        except OSError:  # closed since
            continue
        if target.startswith("socket:["):
            found.add(target[len("socket:[") : -1].encode())
    return found
