"""When a gateway that listens has started: once it reports that, or once the time is over that its subject promises."""

import time
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import grpc
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.harness.subject.fronts import GRPC_HEALTH
from tests.harness.subject.subject import Subject
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import SubjectUnusableError

READY = 20.0
"""*Patience.* Seconds that a gateway which listens may take to be ready, if it promises no other time."""


class Starting(Protocol):
    """What is needed of a gateway."""

    @property
    def url(self) -> str:
        """Where orders are placed."""

    @property
    def running(self) -> bool:
        """Whether it is still running."""

    def check(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if it has exited by itself."""


def once_serving(gateway: Starting, subject: Subject, listened: float) -> float:
    """
    Return when a gateway has started that began to listen at a monotonic time, once it has.

    Raises SubjectUnusableError for one that is never ready.
    """
    within = subject.promises.start_within
    if not subject.ready:
        time.sleep(max(0.0, listened + within - time.monotonic()))  # there is no event to wait for
        return listened + within
    return reached(
        lambda: _is_ready(gateway, subject.ready),
        within=max(READY, within),
        what=f"the gateway {'reports SERVING' if subject.ready == GRPC_HEALTH else 'answers 200'} at {subject.ready}",
        error=SubjectUnusableError,
    )


def _is_ready(gateway: Starting, path: str) -> bool:
    if not gateway.running:
        gateway.check()
    if path == GRPC_HEALTH:
        return _reports_serving(urlsplit(gateway.url).netloc)
    try:
        status: int = requests.get(f"{gateway.url}{path}", timeout=1.0, allow_redirects=False).status_code
    except requests.RequestException:
        return False
    return status == HTTPStatus.OK


def _reports_serving(address: str) -> bool:
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # generated
        try:
            told = check(health_pb2.HealthCheckRequest(), timeout=1.0)
        except grpc.RpcError:
            return False
    return bool(told.status == health_pb2.HealthCheckResponse.SERVING)
