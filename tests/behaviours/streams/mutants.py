"""Gateways whose orders are right, and whose streams are not."""

from tests.harness.subject.mutant import Mutant, config

STREAMS_AT_ONE = Mutant(
    "streams_at_one",
    "opens its streams on a channel without a load-balancing policy",
    gateway="streams_at_one",
    cause="streams_unbalanced",
)
STREAMS_TO_OLD_ADDRESSES = Mutant(
    "streams_to_old_addresses",
    "opens its streams on a channel to the addresses of its start",
    gateway="streams_to_old_addresses",
    cause="streams_to_old_addresses",
)
STREAMS_STAY = Mutant(
    "streams_stay",
    "opens a stream that broke off again at the replica that had it",
    gateway="streams_stay",
    cause="streams_stay",
)
SWALLOWS_THE_END = Mutant(
    "swallows_the_end",
    "keeps the caller of a stream waiting that broke off",
    gateway="swallows_the_end",
    cause="stream_end_swallowed",
)
STREAMS_SHARE_FATE = Mutant(
    "streams_share_fate",
    "breaks off every stream where one breaks off",
    gateway="streams_share_fate",
    cause="streams_share_fate",
)
STREAMS_UNRETRIED = Mutant(
    "streams_unretried",
    "names only GetOrder in its retry policy, so that streams are not retried",
    variables=config(
        lambda config, _: config["methodConfig"][0].update(
            name=[{"service": "order.OrderService", "method": "GetOrder"}]
        )
    ),
    environments=("loopback", "compose"),
    cause="streams_unretried",
)
RESTARTS_STREAMS = Mutant(
    "restarts_streams",
    "opens a stream again that broke off after its first message",
    gateway="restarts_streams",
    cause="stream_restarted",
)
KEEPS_LEFT_STREAMS = Mutant(
    "keeps_left_streams",
    "does not cancel a stream whose caller has left",
    gateway="keeps_left_streams",
    cause="stream_not_cancelled",
)
STREAMS_WITHOUT_DEADLINE = Mutant(
    "streams_without_deadline",
    "its streams have no deadline",
    variables={"STREAM_TIMEOUT_MS": "0"},
    environments=("loopback", "compose"),
    cause="no_stream_deadline",
)
