"""No balancing, or not the promised one; and replies that are not what the order service said."""

from tests.harness.subject.mutant import EVERYWHERE, Mutant, config

PICK_FIRST = Mutant(
    "pick_first",
    "no load-balancing policy",
    variables=config(lambda config, _: config.pop("loadBalancingConfig")),
    environments=EVERYWHERE,
    cause="pick_first",
    like=("one_address",),
)
POLICY_TYPO = Mutant(
    "policy_typo",
    "the policy's key is misspelt, which gRPC ignores without a word",
    variables=config(lambda config, _: config.update(LoadBalancingConfig=config.pop("loadBalancingConfig"))),
    cause="pick_first",
)
CLUSTER_IP = Mutant(
    "cluster_ip",
    "the name stands for a ClusterIP Service: one virtual address before all replicas",
    target="one",
    environments=("kind",),
    cause="one_address",
    like=("pick_first",),
)
WEIGHTED = Mutant(
    "weighted",
    "one replica gets twice the share of the others",
    target="weighted",
    cause="duplicate_address",
)
SOME_ADDRESSES = Mutant(
    "some_addresses",
    "a world whose name server leaves one address out of every answer",
    target="subset",
    cause="partial_dns_answer",
)
SIDECARS = Mutant(
    "sidecars",
    "a world in which sidecars choose a replica for each connection, as a mesh does",
    target="relayed",
    cause="balanced_by_intermediary",
)
RANDOM_PICKER = Mutant(
    "random_picker",
    "each call goes to a random replica",
    gateway="random_picker",
    cause="wrong_policy",
)
POOL_OF_PICK_FIRST = Mutant(
    "pool_of_pick_first",
    "four pick_first channels in turn, instead of one round_robin",
    gateway="pool_of_pick_first",
    cause="channel_pool",
)
STICKY_CALLER = Mutant(
    "sticky_caller",
    "each caller's connection is tied to one replica",
    gateway="sticky_caller",
    cause="tied_to_caller",
)
CHANNEL_PER_CALLER = Mutant(
    "channel_per_caller",
    "each caller's connection has a channel of its own",
    gateway="channel_per_caller",
    cause="channel_per_caller",
)
WAITS_FOR_ALL = Mutant(
    "waits_for_all",
    "serves nothing before all replicas are connected",
    gateway="waits_for_all",
    cause="waits_for_all",
)
LYING = Mutant(
    "lying",
    "makes served_by up",
    gateway="lying",
    cause="served_by_changed",
)
HANGING_WORKER = Mutant(
    "hanging_worker",
    "one of its two workers hangs, as one does that was forked after the channel was opened",
    gateway="hanging_worker",
    cause="unanswered",
)
