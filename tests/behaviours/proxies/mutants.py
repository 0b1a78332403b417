"""Proxy exceptions that gRPC ignores: C-core reads only no_proxy, and compares names, not addresses."""

from tests.harness.subject.mutant import Mutant

EXCEPTS_ADDRESSES = Mutant(
    "excepts_addresses",
    "its no_proxy lists the network of the order service instead of its name",
    variables={"no_proxy": "127.0.0.0/8"},
    cause="routed_through_proxy",
)
NO_EXCEPTION = Mutant(
    "no_exception",
    "its no_proxy is empty, although NO_PROXY is set",
    variables={"no_proxy": ""},
    cause="routed_through_proxy",
)
