"""Connections that are kept too long, or dialled too often, too rarely or all together."""

from tests.harness.subject.mutant import Mutant, config
from tests.harness.subject.service_configs import Config, scaled

SCALED: Config = scaled(3)

NEVER_IDLE = Mutant(
    "never_idle",
    "keeps idle connections for half an hour",
    variables={"CLIENT_IDLE_TIMEOUT_MS": "1800000"},
    cause="no_idle_timeout",
)
STEADY_DIALLING = Mutant(
    "steady_dialling",
    "redials a lost address every 100 ms, however often that has failed",
    variables={"INITIAL_RECONNECT_BACKOFF_MS": "100", "MAX_RECONNECT_BACKOFF_MS": "100"},
    cause="dials_too_often",
)
LONG_FIRST_BACKOFF = Mutant(
    "long_first_backoff",
    "waits the maximum backoff from the first failure on",
    variables={"INITIAL_RECONNECT_BACKOFF_MS": "400"},
    cause="reconnect_backoff",
)
PATIENT_DIALLING = Mutant(
    "patient_dialling",
    "waits 20 s for a connection attempt that hangs",
    variables={"CONNECT_TIMEOUT_MS": "20000"},
    cause="connect_timeout",
)
CHANNELZ_OF_ANOTHER = Mutant(
    "channelz_of_another",
    "its channelz shows an unused channel to the same name",
    gateway="channelz_of_another",
    cause="channelz_shows_another_channel",
)
ONE_CONNECTION = Mutant(
    "one_connection",
    "keeps one connection for each address, however many calls wait for a stream",
    variables=config(lambda config, _: config.pop("connectionScaling"), base=SCALED),
    base=SCALED,
    cause="connections_not_scaled",
)
NO_JITTER = Mutant(
    "no_jitter",
    "redials all lost addresses at the same moments",
    gateway="no_jitter",
    cause="no_reconnect_jitter",
)
WAITS_FOR_CALLS = Mutant(
    "waits_for_calls",
    "reconnects to a replica that closed a connection only when the next call needs it",
    gateway="waits_for_calls",
    cause="picks_unconnected_replicas",
)
CHANNEL_RACE = Mutant(
    "channel_race",
    "opens a channel for each of the calls that are its first",
    gateway="channel_race",
    cause="channel_race",
)
NO_WINDOW_UPDATES = Mutant(
    "no_window_updates",
    "stops reading once a replica has sent 64 KiB",
    gateway="no_window_updates",
    cause="window_not_renewed",
)
