"""DNS handled wrongly: what an answer means, what a failure means, and when to query."""

from tests.harness.subject.mutant import EVERYWHERE, Mutant

NO_FLOOR = Mutant(
    "no_floor",
    "queries DNS at each lost connection, without a minimum re-resolution interval",
    variables={"DNS_MIN_RESOLUTION_INTERVAL_MS": "0"},
    cause="short_resolution_interval",
)
HONOURS_TTL = Mutant(
    "honours_ttl",
    "re-resolves whenever the TTL of its records expires",
    gateway="honours_ttl",
    cause="polling",
)
FORGETS_NAMES = Mutant(
    "forgets_names",
    "drops its addresses when a DNS query fails",
    gateway="forgets_names",
    cause="addresses_dropped_on_dns_failure",
)
KEEPS_FAILURES = Mutant(
    "keeps_failures",
    "treats a failed DNS query as permanent",
    gateway="keeps_failures",
    cause="dns_failure_treated_as_permanent",
)
KEEPS_ADDRESSES = Mutant(
    "keeps_addresses",
    "adds the addresses of each DNS answer to its list, and removes none",
    gateway="keeps_addresses",
    cause="addresses_never_removed",
)
RENEWS_CHANNEL = Mutant(
    "renews_channel",
    "replaces its channel when the DNS answer changes",
    gateway="renews_channel",
    cause="channel_recreated",
)
WITHOUT_TCP = Mutant(
    "without_tcp",
    "does not repeat a truncated query over TCP",
    gateway="without_tcp",
    cause="no_tcp",
)
NEEDS_IPV6 = Mutant(
    "needs_ipv6",
    "treats resolution as failed when the AAAA query fails",
    gateway="needs_ipv6",
    cause="ipv6_needed",
)
ACCEPTS_TXT_CONFIG = Mutant(
    "accepts_txt_config",
    "lets the service config of a TXT record replace its own",
    gateway="accepts_txt_config",
    cause="txt_record_overrides_config",
)
AGEING_CONNECTIONS = Mutant(
    "ageing_connections",
    "a world in which replicas limit connection age, which makes the gateway re-resolve",
    replicas={"MAX_CONNECTION_AGE_MS": "300"},
    environments=EVERYWHERE,
    cause="connection_age_limit",
)
DIALS_EACH_RECORD = Mutant(
    "dials_each_record",
    "opens a connection for each DNS record, although two have the same address",
    gateway="dials_each_record",
    cause="channel_pool",
)
IGNORES_ALIASES = Mutant(
    "ignores_aliases",
    "does not follow a CNAME to the addresses",
    gateway="ignores_aliases",
    cause="alias_not_followed",
)
RESOLVES_IN_CALLS = Mutant(
    "resolves_in_calls",
    "resolves its name in the path of calls once a connection was lost",
    gateway="resolves_in_calls",
    cause="resolves_in_calls",
)
LATE_QUERIES = Mutant(
    "late_queries",
    "waits for a second before it re-resolves after a lost connection, however old the last query is",
    gateway="late_queries",
    cause="late_re_resolution",
)
