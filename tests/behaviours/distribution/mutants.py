"""No balancing, or a different one than promised; and replies other than those of the order service."""

from tests.behaviours.elsewhere import called_by, elsewhere, untold
from tests.harness.subject.mutant import EVERYWHERE, Mutant, config

PICK_FIRST = Mutant(
    "pick_first",
    "has no load-balancing policy",
    variables=config(lambda config, _: config.pop("loadBalancingConfig")),
    environments=EVERYWHERE,
    cause="pick_first",
    like=("one_address",),
)
PICK_FIRST_ELSEWHERE = elsewhere(PICK_FIRST)
PICK_FIRST_UNTOLD = untold(PICK_FIRST)
PICK_FIRST_BY_GRPC = called_by("grpc", PICK_FIRST)
PICK_FIRST_BY_STDIO = called_by("stdio", PICK_FIRST)
PICK_FIRST_BY_ITSELF = called_by("self", PICK_FIRST)
POLICY_TYPO = Mutant(
    "policy_typo",
    "the key of its policy is misspelt, which gRPC silently ignores",
    variables=config(lambda config, _: config.update(LoadBalancingConfig=config.pop("loadBalancingConfig"))),
    cause="pick_first",
)
CLUSTER_IP = Mutant(
    "cluster_ip",
    "its target is a ClusterIP Service: one virtual address in front of all replicas",
    target="one",
    environments=("kind",),
    cause="one_address",
    like=("pick_first",),
)
WEIGHTED = Mutant(
    "weighted",
    "sends one replica twice the share of the others",
    target="weighted",
    cause="duplicate_address",
)
SOME_ADDRESSES = Mutant(
    "some_addresses",
    "a world whose DNS server omits one address from every answer",
    target="subset",
    cause="partial_dns_answer",
)
SIDECARS = Mutant(
    "sidecars",
    "a world in which sidecars pick a replica for each connection, as a service mesh does",
    target="relayed",
    cause="balanced_by_intermediary",
)
RANDOM_PICKER = Mutant(
    "random_picker",
    "sends each call to a random replica",
    gateway="random_picker",
    cause="wrong_policy",
)
POOL_OF_PICK_FIRST = Mutant(
    "pool_of_pick_first",
    "uses four pick_first channels in turn instead of one round_robin channel",
    gateway="pool_of_pick_first",
    cause="channel_pool",
)
STICKY_CALLER = Mutant(
    "sticky_caller",
    "ties each caller connection to one replica",
    gateway="sticky_caller",
    cause="tied_to_caller",
)
CHANNEL_PER_CALLER = Mutant(
    "channel_per_caller",
    "opens a separate channel for each caller connection",
    gateway="channel_per_caller",
    cause="channel_per_caller",
)
WAITS_FOR_ALL = Mutant(
    "waits_for_all",
    "serves no calls until all replicas are connected",
    gateway="waits_for_all",
    cause="waits_for_all",
)
LYING = Mutant(
    "lying",
    "fabricates served_by",
    gateway="lying",
    cause="served_by_changed",
)
HANGING_WORKER = Mutant(
    "hanging_worker",
    "one of its two workers hangs, like a worker forked after the channel was opened",
    gateway="hanging_worker",
    cause="unanswered",
)
TEN_ADDRESSES = Mutant(
    "ten_addresses",
    "uses the first ten addresses of a DNS answer",
    gateway="ten_addresses",
    cause="address_limit",
)
BEGINS_AGAIN = Mutant(
    "begins_again",
    "begins with the first replica again whenever one of them is lost or returns",
    gateway="begins_again",
    cause="begins_with_the_first",
)

ROTATION_PER_THREAD = Mutant(
    "rotation_per_thread",
    "has a rotation for each of two threads",
    gateway="rotation_per_thread",
    cause="several_rotations",
)
RETRIES_ON_THE_SAME_REPLICA = Mutant(
    "retries_on_the_same_replica",
    "has a channel for each replica, whose retries stay on it",
    gateway="retries_on_the_same_replica",
    cause="retried_on_same_replica",
)
SKIPS_THE_LAST_ADDRESS = Mutant(
    "skips_the_last_address",
    "uses all addresses of a DNS answer but the last one",
    gateway="skips_the_last_address",
    cause="address_limit",
)
