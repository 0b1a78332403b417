"""What the order service reads from its environment."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from services import variables
from services.order.answers import Answers
from services.order.load import Trailers, load_report
from services.order.tls import Tls

_DRAIN_GRACE_MS = 5_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one replica; each comment names the variable."""

    replica: str  # INSTANCE_ID
    grpc_address: str  # GRPC_ADDRESS
    http_address: str  # HTTP_ADDRESS
    force_unavailable: bool  # GRPC_FORCE_UNAVAILABLE
    max_connection_age_ms: int | None  # MAX_CONNECTION_AGE_MS; None: connections do not age
    max_connection_age_grace_ms: int | None  # MAX_CONNECTION_AGE_GRACE_MS; None: gRPC's default, unlimited
    max_connection_idle_ms: int | None  # MAX_CONNECTION_IDLE_MS; None: idle connections are kept
    drain_grace: float  # DRAIN_GRACE_MS, here in seconds
    load_report: Trailers  # LOAD_REPORT; empty: answers carry no report
    health_service: bool  # HEALTH_SERVICE: whether it has a health service at all
    health_delay: float  # HEALTH_DELAY_MS, here in seconds
    number_calls: bool = False  # NUMBER_CALLS: attempts get ids of their arrival, as no caller sends one
    tls: Tls | None = None  # TLS, TLS_FOLDER, TLS_CERTIFICATE, TLS_HANDSHAKE; None: plaintext
    numbers_of: str = ""  # NUMBERS_OF: what ids begin with that numbers may stand for; empty: no number is looked for
    answers: Answers | None = None  # ANSWERS: what it answers to methods of other services; None: it has no others

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings, or raise `SettingsError`, which names the invalid variable."""
        return cls(
            replica=environ.get("INSTANCE_ID") or socket.gethostname(),
            grpc_address=variables.address(environ, "GRPC_ADDRESS", "0.0.0.0:5000"),
            http_address=variables.address(environ, "HTTP_ADDRESS", "0.0.0.0:4000"),
            force_unavailable=variables.flag(environ, "GRPC_FORCE_UNAVAILABLE", default=False),
            max_connection_age_ms=variables.milliseconds_if_set(environ, "MAX_CONNECTION_AGE_MS"),
            max_connection_age_grace_ms=variables.milliseconds_if_set(environ, "MAX_CONNECTION_AGE_GRACE_MS"),
            max_connection_idle_ms=variables.milliseconds_if_set(environ, "MAX_CONNECTION_IDLE_MS"),
            drain_grace=variables.milliseconds(environ, "DRAIN_GRACE_MS", _DRAIN_GRACE_MS) / 1000,
            load_report=load_report(environ, "LOAD_REPORT"),
            health_service=variables.flag(environ, "HEALTH_SERVICE", default=True),
            health_delay=variables.milliseconds(environ, "HEALTH_DELAY_MS", 0) / 1000,
            number_calls=variables.flag(environ, "NUMBER_CALLS", default=False),
            tls=Tls.if_set(environ),
            numbers_of=environ.get("NUMBERS_OF", ""),
            answers=Answers.if_set(environ, "ANSWERS"),
        )
