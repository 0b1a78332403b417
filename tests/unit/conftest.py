"""What all unit tests have: a profile for property tests, and a small gateway."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.helpers.small_gateway import Gateway

# how long an example takes says how busy the machine is, and nothing of the property
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Return a running gateway."""
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()
