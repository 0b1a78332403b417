"""Gateways with a policy other than round_robin, on purpose."""

from tests.behaviours.affinity.mutants import UNKEYED
from tests.behaviours.pick_first.mutants import PICK_FIRST_CONFIG
from tests.harness.subject.control import Control
from tests.harness.subject.service_configs import balanced_by, written

PICKS_FIRST = Control(
    "picks_first",
    "uses one replica until it is lost, and promises pick_first",
    variables={"GRPC_SERVICE_CONFIG": written(PICK_FIRST_CONFIG)},
    promises={"policy": "pick_first"},
)
WEIGHS = Control(
    "weighs",
    "gives replicas the shares that their load reports earn, and promises weighted_round_robin",
    variables={"GRPC_SERVICE_CONFIG": written(balanced_by("weighted_round_robin"))},
    promises={"policy": "weighted_round_robin"},
)
HASHES = Control(
    "hashes",
    "chooses a replica by a hash of each call, and promises ring_hash",
    variables=UNKEYED,
    promises={"policy": "ring_hash"},
)
