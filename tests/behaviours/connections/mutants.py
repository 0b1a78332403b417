"""Connections that are kept too long, and ones that are dialled too often, too seldom or all at once."""

from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import Config, scaled

SCALED: Config = scaled(3)

NEVER_IDLE = Mutant(
    "never_idle",
    "keeps its connections for half an hour without a call",
    variables={"CLIENT_IDLE_TIMEOUT_MS": "1800000"},
    cause="no_idle_timeout",
)
STEADY_DIALLING = Mutant(
    "steady_dialling",
    "dials a lost address every 100 ms, however often that failed",
    variables={"INITIAL_RECONNECT_BACKOFF_MS": "100", "MAX_RECONNECT_BACKOFF_MS": "100"},
    cause="dials_too_often",
)
LONG_FIRST_BACKOFF = Mutant(
    "long_first_backoff",
    "waits the longest backoff from the first failure on",
    variables={"INITIAL_RECONNECT_BACKOFF_MS": "400"},
    cause="reconnect_backoff",
)
PATIENT_DIALLING = Mutant(
    "patient_dialling",
    "waits 20 s for a connection that says nothing",
    variables={"CONNECT_TIMEOUT_MS": "20000"},
    cause="connect_timeout",
)
CHANNELZ_OF_ANOTHER = Mutant(
    "channelz_of_another",
    "channelz shows a channel to the same name that carries no order",
    gateway="channelz_of_another",
    cause="channelz_shows_another_channel",
)
ONE_CONNECTION = Mutant(
    "one_connection",
    "keeps to one connection for each address, however many calls wait for a stream",
    variables=config(lambda config, _: config.pop("connectionScaling"), base=SCALED),
    base=SCALED,
    cause="connections_not_scaled",
)
NO_JITTER = Mutant(
    "no_jitter",
    "dials all lost addresses at the same moments",
    gateway="no_jitter",
    cause="no_reconnect_jitter",
)
WAITS_FOR_CALLS = Mutant(
    "waits_for_calls",
    "connects again to a replica that has ended a connection only when a call is due there",
    gateway="waits_for_calls",
    cause="picks_unconnected_replicas",
)
