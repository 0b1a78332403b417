"""A name server, and those who query it."""

from collections.abc import Iterator

import pytest

from tests.loopback.name_server import NameServer
from tests.unit.helpers.dns_clients import NAME, THREE, Ask, ask_cares, ask_dnspython


@pytest.fixture
def server() -> Iterator[NameServer]:
    """Start a name server that knows one name with three addresses."""
    with NameServer("127.0.0.1") as started:
        started.set(NAME, THREE)
        yield started


@pytest.fixture(params=[ask_dnspython, ask_cares], ids=["dnspython", "c-ares"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask with each of two real resolver libraries."""
    resolver: Ask = request.param
    return resolver
