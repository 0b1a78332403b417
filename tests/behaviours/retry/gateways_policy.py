"""Gateways that misread the retry policy of their service config (see tests/behaviours/gateways.py)."""

import dataclasses
import json

from services.gateway.channel import ServiceConfigError, caller, check_service_config, open_channel
from services.gateway.settings import Settings
from services.gateway.web import GetOrder


async def drops_policies(settings: Settings) -> GetOrder:
    """Drop the retry policies if one is invalid, and apply the rest."""
    config = json.loads(settings.grpc_service_config or "{}")
    try:
        await check_service_config(json.dumps(config))
    except ServiceConfigError:
        config.pop("methodConfig")
    settings = dataclasses.replace(settings, grpc_service_config=json.dumps(config))
    return caller(open_channel(settings), settings)


async def drops_codes(settings: Settings) -> GetOrder:
    """Drop retryable codes that are not in upper case, and the retry policy if none remain."""
    config = json.loads(settings.grpc_service_config or "{}")
    for method in config.get("methodConfig", []):
        codes = [code for code in method["retryPolicy"]["retryableStatusCodes"] if str(code).isupper()]
        if codes:
            method["retryPolicy"]["retryableStatusCodes"] = codes
        else:
            del method["retryPolicy"]
    settings = dataclasses.replace(settings, grpc_service_config=json.dumps(config))
    return caller(open_channel(settings), settings)
