"""Wrong ideas of names: of what a name server's answer is good for, of its failures, and of when to ask."""

from tests.harness.subject.mutant import Mutant

NO_FLOOR = Mutant(
    "no_floor",
    "asks the name server at each lost connection, with no floor between two questions",
    variables={"DNS_MIN_RESOLUTION_INTERVAL_MS": "0"},
    cause="short_resolution_interval",
)
HONOURS_LIFETIMES = Mutant(
    "honours_lifetimes",
    "asks the name server anew whenever the lifetime of its records has passed",
    gateway="honours_lifetimes",
    cause="polling",
)
FORGETS_NAMES = Mutant(
    "forgets_names",
    "gives up its addresses when the name server fails",
    gateway="forgets_names",
    cause="addresses_dropped_on_dns_failure",
)
KEEPS_FAILURES = Mutant(
    "keeps_failures",
    "takes a failed look-up for final",
    gateway="keeps_failures",
    cause="dns_failure_treated_as_permanent",
)
KEEPS_ADDRESSES = Mutant(
    "keeps_addresses",
    "adds the addresses of each answer to those that it knows, and takes none away",
    gateway="keeps_addresses",
    cause="addresses_never_removed",
)
RENEWS_CHANNEL = Mutant(
    "renews_channel",
    "opens a new channel and closes the old one when the name server's answer changes",
    gateway="renews_channel",
    cause="channel_recreated",
)
WITHOUT_TCP = Mutant(
    "without_tcp",
    "never asks over TCP what was cut over UDP",
    gateway="without_tcp",
    cause="no_tcp",
)
NEEDS_IPV6 = Mutant(
    "needs_ipv6",
    "takes the whole look-up for failed when the question for IPv6 addresses fails",
    gateway="needs_ipv6",
    cause="ipv6_needed",
)
HEEDS_TEXT_RECORDS = Mutant(
    "heeds_text_records",
    "lets the service config in the name server's TXT record replace its own",
    gateway="heeds_text_records",
    cause="txt_record_overrides_config",
)
AGEING_CONNECTIONS = Mutant(
    "ageing_connections",
    "a world in which replicas end connections by age, so that the gateway has a reason to ask",
    replicas={"MAX_CONNECTION_AGE_MS": "300"},
    cause="connection_age_limit",
)
DIALS_EACH_RECORD = Mutant(
    "dials_each_record",
    "opens a connection for each record of its name, though two have the same address",
    gateway="dials_each_record",
    cause="channel_pool",
)
