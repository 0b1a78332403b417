"""Gateways that treat their connections wrongly; gateways.py runs them with the others."""

import json

import grpc.aio

from services.gateway.channel import SERVICE_CONFIG, caller
from services.gateway.settings import Settings
from services.gateway.web import GetOrder


async def no_jitter(settings: Settings) -> GetOrder:
    """Dial each lost address after exactly the longest backoff, by an argument that C-core has for its own tests."""
    arguments = [
        ("grpc.service_config", settings.grpc_service_config or json.dumps(SERVICE_CONFIG)),
        ("grpc.dns_min_time_between_resolutions_ms", settings.dns_min_resolution_interval_ms),
        ("grpc.testing.fixed_reconnect_backoff_ms", settings.max_reconnect_backoff_ms),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    return caller(grpc.aio.insecure_channel(settings.order_service_target, arguments), settings)


MAKERS = (no_jitter,)
