"""Hashing that is no ring, hashes nothing, or the wrong thing."""

from typing import Any

from tests.harness.service_configs import Config, balanced_by, written
from tests.mutants.mutant import Mutant, config

POLICY, HEADER = "ring_hash_experimental", "x-customer"

RING = balanced_by(POLICY, requestHashHeader=HEADER)

UNKEYED = {
    "GRPC_SERVICE_CONFIG": written(RING),
    "GRPC_EXPERIMENTAL_RING_HASH_SET_REQUEST_HASH_KEY": "true",  # C-core: else it takes no header from a service config
}
"""The variables of a gateway that hashes a header which its calls do not carry."""

KEYED = {**UNKEYED, "HASH_HEADER": HEADER}
"""The variables of a gateway that hashes whose order a call is about."""


def _rotating(changed: Config, _: dict[str, Any]) -> None:
    (policy,) = changed["loadBalancingConfig"]
    policy["round_robin"] = policy.pop(POLICY)


def _other_header(changed: Config, _: dict[str, Any]) -> None:
    changed["loadBalancingConfig"][0][POLICY].update(requestHashHeader="x-caller")


ROTATES_CUSTOMERS = Mutant(
    "rotates_customers",
    "round_robin where ring_hash is asked for",
    variables=config(_rotating, RING),
    base=RING,
    cause="not_ring_hash",
)
OTHER_HEADER = Mutant(
    "other_header",
    "hashes a header that its calls do not carry",
    variables=config(_other_header, RING),
    base=RING,
    cause="no_hash_key",
)
MODULO_HASH = Mutant(
    "modulo_hash",
    "hashes by the number of replicas that are left, instead of a ring",
    gateway="modulo_hash",
    cause="rehashed",
)
ONE_KEY = Mutant(
    "one_key",
    "hashes the same text for every call",
    gateway="one_key",
    cause="one_hash_key",
)
