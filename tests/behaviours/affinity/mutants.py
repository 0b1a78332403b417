"""Hashing that is no ring, hashes nothing, or the wrong thing."""

from tests.harness.subject.mutant import Mutant, policy_settings, round_robin
from tests.harness.subject.service_configs import balanced_by, written

POLICY, HEADER = "ring_hash_experimental", "x-customer"

RING = balanced_by(POLICY, requestHashHeader=HEADER)

UNKEYED = {
    "GRPC_SERVICE_CONFIG": written(RING),
    "GRPC_EXPERIMENTAL_RING_HASH_SET_REQUEST_HASH_KEY": "true",  # C-core: else it takes no header from a service config
}
"""The variables of a gateway that hashes a header which its calls do not carry."""

KEYED = {**UNKEYED, "HASH_HEADER": HEADER}
"""The variables of a gateway that hashes whose order a call is about."""


ROTATES_CUSTOMERS = Mutant(
    "rotates_customers",
    "round_robin where ring_hash is asked for",
    variables=round_robin(RING),
    base=RING,
    cause="not_ring_hash",
)
OTHER_HEADER = Mutant(
    "other_header",
    "hashes a header that its calls do not carry",
    variables=policy_settings(RING, requestHashHeader="x-caller"),
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
OTHER_RING = Mutant(
    "other_ring",
    "makes a ring of another size than gRPC's default",
    variables=policy_settings(RING, minRingSize=64),
    base=RING,
    cause="different_hash_ring",
)
