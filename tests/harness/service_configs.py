"""
The service configs that behaviours ask for beside the reference's own: equal ones share a gateway.

Keys and defaults are those of grpc-proto's service_config.proto; mutants are changes of the same configs.
"""

import copy
import json
from typing import Any

from services.gateway.channel import SERVICE_CONFIG

Config = dict[str, Any]


def balanced_by(policy: str, /, **settings: object) -> Config:
    """Return the reference's service config with another load-balancing policy of these settings."""
    return {**copy.deepcopy(SERVICE_CONFIG), "loadBalancingConfig": [{policy: settings}]}


def written(config: Config) -> str:
    """Return it as `GRPC_SERVICE_CONFIG` has it."""
    return json.dumps(config)
