"""Gateways that read a service config from a TXT record wrongly (see tests/behaviours/gateways.py)."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from services.gateway.settings import Settings
from services.gateway.web import GetOrder
from services.proto import order_pb2
from tests.behaviours.dns.gateways import World
from tests.behaviours.gateway_parts import right
from tests.harness.subject.service_configs import TEXT_PREFIX, attempts_of

WATCHED = 0.1
"""Seconds between two queries of a record."""

Config = Mapping[str, Any] | None
"""What a record is read as; None: the gateway applies its own service config."""


def _by(settings: Settings, config: Config) -> GetOrder:
    """Return a gateway that applies this service config and ignores records."""
    given = json.dumps(config) if config else settings.grpc_service_config
    return right(replace(settings, grpc_service_config=given, txt_service_config=False))


async def _watching(settings: Settings, read: Callable[[str], Config]) -> GetOrder:
    """
    Return a gateway that applies the record as `read` reads it, and polls it.

    Replaced channels stay open: one whose connection is cut at that moment re-resolves, as any other does.
    """
    world = World.of(settings)
    text = await world.text()
    channels = [_by(settings, read(text))]

    async def _watch() -> None:
        nonlocal text
        while True:
            await asyncio.sleep(WATCHED)
            if (seen := await world.text()) != text:
                text = seen
                channels.append(_by(settings, read(seen)))

    watching = asyncio.create_task(_watch())

    async def get_order(order_id: str) -> order_pb2.GetOrderResponse:
        if watching.done():
            watching.result()
        return await channels[-1](order_id)

    return get_order


def _first(text: str) -> Config:
    """Return the service config of the first choice, None if there is none."""
    config: Config = json.loads(text.removeprefix(TEXT_PREFIX))[0]["serviceConfig"] if text else None
    return config


async def accepts_txt_config(settings: Settings) -> GetOrder:
    """Let the service config of a TXT record replace its own, enabled or not, and in any form."""
    return await _watching(settings, _first)


async def first_choice(settings: Settings) -> GetOrder:
    """Apply the first choice of a valid record, whether or not it matches."""
    return await _watching(settings, lambda text: _first(text) if text.startswith(TEXT_PREFIX) else None)


async def forgets_text(settings: Settings) -> GetOrder:
    """Apply its own service config while the record's is invalid: a retry policy needs two attempts or more."""

    def read(text: str) -> Config:
        config = _first(text)
        return config if attempts_of(json.dumps(config)) > 1 else None

    return await _watching(settings, read)


async def keeps_text(settings: Settings) -> GetOrder:
    """Apply the record that was found at the start."""
    return _by(settings, _first(await World.of(settings).text()))
