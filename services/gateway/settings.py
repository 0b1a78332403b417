"""What the gateway reads from its environment: every variable of the subject contract, tier 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from services import variables
from services.gateway.tls import Files


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one gateway. A field has the name of its variable in lower case; `tls` has three of them."""

    http_address: str
    order_service_target: str
    grpc_service_config: str | None  # JSON; None: the gateway's own
    txt_service_config: bool  # whether the one in the name server's TXT record replaces it (gRFC A2)
    dns_min_resolution_interval_ms: int | None  # None, here and below: the library's default
    initial_reconnect_backoff_ms: int | None
    max_reconnect_backoff_ms: int  # the library's default, 120 s, leaves a returned replica without calls for minutes
    connect_timeout_ms: int | None
    client_idle_timeout_ms: int | None
    keepalive_time_ms: int  # 0: no keepalive
    keepalive_timeout_ms: int
    keepalive_permit_without_calls: bool
    call_timeout_ms: int  # 0: calls have no deadline
    stream_timeout_ms: int  # 0: streams have no deadline
    wait_for_ready: bool | None  # None: the service config decides; by default calls fail fast
    enable_retries: bool  # false: calls are not retried, regardless of the service config
    retry_buffer_bytes: int | None  # larger calls are not buffered for retries
    channelz_address: str | None  # None: channelz is not served
    hash_header: str | None  # None: calls carry no key
    tls: Files | None = None  # CA_FILE, CERT_FILE, KEY_FILE; None: plaintext

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings, or raise `SettingsError`, which names the invalid variable."""
        return cls(
            http_address=variables.address(environ, "HTTP_ADDRESS", "0.0.0.0:4000"),
            order_service_target=environ.get("ORDER_SERVICE_TARGET") or "dns:///order-service:5000",
            grpc_service_config=environ.get("GRPC_SERVICE_CONFIG") or None,
            txt_service_config=variables.flag(environ, "TXT_SERVICE_CONFIG", default=False),
            dns_min_resolution_interval_ms=variables.milliseconds_if_set(environ, "DNS_MIN_RESOLUTION_INTERVAL_MS"),
            initial_reconnect_backoff_ms=variables.milliseconds_if_set(environ, "INITIAL_RECONNECT_BACKOFF_MS"),
            max_reconnect_backoff_ms=variables.milliseconds(environ, "MAX_RECONNECT_BACKOFF_MS", 2_000),
            connect_timeout_ms=variables.milliseconds_if_set(environ, "CONNECT_TIMEOUT_MS"),
            client_idle_timeout_ms=variables.milliseconds_if_set(environ, "CLIENT_IDLE_TIMEOUT_MS"),
            keepalive_time_ms=variables.milliseconds(environ, "KEEPALIVE_TIME_MS", 30_000),
            keepalive_timeout_ms=variables.milliseconds(environ, "KEEPALIVE_TIMEOUT_MS", 5_000),
            keepalive_permit_without_calls=variables.flag(environ, "KEEPALIVE_PERMIT_WITHOUT_CALLS", default=True),
            call_timeout_ms=variables.milliseconds(environ, "CALL_TIMEOUT_MS", 5_000),
            stream_timeout_ms=variables.milliseconds(environ, "STREAM_TIMEOUT_MS", 0),
            wait_for_ready=variables.flag_if_set(environ, "WAIT_FOR_READY"),
            enable_retries=variables.flag(environ, "ENABLE_RETRIES", default=True),
            retry_buffer_bytes=variables.size_if_set(environ, "RETRY_BUFFER_BYTES"),
            channelz_address=variables.address_if_set(environ, "CHANNELZ_ADDRESS"),
            hash_header=variables.metadata_key_if_set(environ, "HASH_HEADER"),
            tls=Files.if_set(environ),
        )
