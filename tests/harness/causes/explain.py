"""
Why a behaviour did not hold: one sentence of what was seen, the most likely cause, the setting that mends it.

Rule 1: a cause is judged by the history alone. What the behaviour promises only says which rules are asked first.
Rule 2: the first rule that fires names the cause; the order below is that of how much a rule's evidence proves.
Rule 3: where no rule fires, or the evidence leaves several causes, that is said, and what would decide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.behaviours.affinity import causes as affinity
from tests.behaviours.connections import causes as connections
from tests.behaviours.connections import causes_ageing as ageing
from tests.behaviours.deadlines import causes as deadlines
from tests.behaviours.distribution import causes as distribution
from tests.behaviours.dns import causes as names
from tests.behaviours.dns import causes_discovery as discovery
from tests.behaviours.dns import causes_text_records as text_records
from tests.behaviours.health import causes as health
from tests.behaviours.keepalive import causes as liveness
from tests.behaviours.outliers import causes as outliers
from tests.behaviours.pick_first import causes as pick_first
from tests.behaviours.proxies import causes as proxies
from tests.behaviours.recovery import causes as recovery
from tests.behaviours.retry import causes as retry
from tests.behaviours.retry import causes_limits as retry_limits
from tests.behaviours.retry import causes_policy as retry_policy
from tests.behaviours.retry import causes_throttling as throttling
from tests.behaviours.service_config import causes as service_config
from tests.behaviours.weights import causes as weights
from tests.behaviours.wire import causes as wire
from tests.harness.causes.case import Case, Finding, Sureness, many, tally, undecided
from tests.harness.causes.settings import CAUSES, remedy
from tests.kind import causes as services

UNKNOWN = "not known"

Rule = Callable[[Case], Finding | None]

FIRST: Mapping[str, Sequence[Rule]] = {
    **wire.FIRST,
    **ageing.FIRST,
    "test_served_by_agrees_with_the_ledgers": [distribution.served_by_changed],
    "test_one_request_makes_one_call": [distribution.called_twice],
    "test_a_hedging_policy_is_kept_or_not_read_at_all": [distribution.called_twice],
    "test_an_added_replica_is_unseen_until_the_gateway_asks": [discovery.asked_unasked],
    "test_an_address_that_is_given_to_somebody_else_is_left": [names.addresses_kept],
    "test_another_code_is_not_retried": [retry.other_code],
    "test_another_code_reaches_the_caller_unchanged": [retry.code_changed],
    "test_backoff_grows_as_promised": [retry.no_retry, retry.throttled, retry.attempt_count, retry.backoff],
    "test_each_retry_says_how_many_attempts_went_before": [retry.no_retry, retry.throttled, retry.unnumbered],
    "test_without_a_retry_policy_nothing_is_retried": [retry.without_policy],
    "test_a_call_whose_headers_have_arrived_is_not_retried": [retry.committed],
    "test_a_call_ends_at_its_deadline_which_its_replica_is_told": [
        retry.no_deadline,
        deadlines.deadline_not_sent,
        deadlines.cancelled_at_deadline,
        retry.other_deadline,
    ],
    "test_a_call_waits_for_a_replica_until_its_deadline": [deadlines.fails_fast, deadlines.never_ended],
    "test_calls_that_wait_are_served_once_a_replica_is_back": [deadlines.fails_fast],
    "test_calls_wait_where_the_service_config_says_so": [deadlines.fails_fast],
    "test_calls_fail_fast_while_lost_replicas_are_dialled": [deadlines.failure_forgotten],
    "test_a_shorter_timeout_of_the_service_config_holds": [deadlines.config_timeout],
    "test_a_longer_timeout_of_the_service_config_does_not_hold": [retry.no_deadline],
    "test_waiting_for_a_connection_counts": [deadlines.never_ended, deadlines.cancelled_at_deadline],
    "test_an_idle_connection_is_watched_where_that_is_asked_for": [liveness.idle],
    "test_an_idle_connection_is_left_alone_otherwise": [liveness.idle],
    "test_a_replica_that_stalls_for_less_than_the_timeout_keeps_its_connection": [liveness.hasty],
    "test_too_many_pings_double_the_keepalive_time": [liveness.not_slowed],
    "test_without_keepalive_a_frozen_replica_costs_its_share_of_calls": [liveness.keepalive_unasked],
    "test_one_deadline_covers_all_attempts": [
        retry.no_deadline,
        retry.per_attempt_deadline,
        retry.other_deadline,
    ],
    "test_an_idle_gateway_begins_anew_with_its_next_call": [connections.idle_and_never_asked, connections.never_idle],
    "test_a_server_at_its_limit_of_streams_gets_more_connections": [connections.not_scaled],
    "test_channelz_agrees_with_what_the_replicas_saw": [connections.channelz_elsewhere],
    "test_an_address_that_fails_is_dialled_ever_more_seldom": [connections.backoff],
    "test_a_success_takes_the_backoff_back_to_its_beginning": [connections.not_reset, connections.backoff],
    "test_an_address_that_says_nothing_is_given_up": [connections.waits_for_silence],
    "test_addresses_that_fail_together_are_not_dialled_together": [connections.no_jitter, connections.backoff],
    **health.FIRST,
    **service_config.FIRST,
    **text_records.FIRST,
    **throttling.FIRST,
    **retry_limits.FIRST,
    **retry_policy.FIRST,
    **pick_first.FIRST,
    **affinity.FIRST,
    **weights.FIRST,
    **outliers.FIRST,
    "test_the_gateway_asks_for_its_name_once_and_uses_all_it_is_told": [names.never_asked_at_all],
    "test_the_lifetime_of_records_is_no_reason_to_ask": [distribution.connection_per_call, names.asked_unprompted],
    "test_many_lost_connections_do_not_flood_the_name_server": [names.asked_without_floor],
    "test_a_failing_name_server_costs_no_call": [names.addresses_given_up],
    "test_a_gateway_that_starts_before_its_name_finds_it": [names.waited_for_names, names.failure_kept],
    "test_a_service_that_was_scaled_to_nothing_is_found_again": [names.failure_kept],
    "test_an_unlisted_replica_finishes_its_calls_and_gets_no_new_one": [names.channel_renewed, names.addresses_kept],
    "test_the_same_addresses_in_another_order_keep_their_connections": [names.channel_renewed],
    "test_a_list_of_dead_addresses_is_obeyed_until_it_is_mended": [names.addresses_kept],
    "test_an_answer_that_was_cut_is_asked_for_over_tcp": [names.no_tcp],
    "test_a_silent_name_server_holds_no_call_beyond_its_deadline": [names.waited_without_deadline],
    "test_an_address_that_is_listed_twice_has_one_connection": [distribution.channel_pool],
    "test_a_service_config_in_the_name_server_does_not_replace_the_gateways": [names.text_heeded],
    "test_a_failing_question_for_ipv6_addresses_costs_no_call": [names.ipv6_needed],
}
"""For what a behaviour promises, the rules that answer just that; then come all the others."""

ALWAYS: Sequence[Rule] = (
    # what ends every promise
    recovery.gateway_died,
    proxies.led_by_proxy,
    services.wrong_port,
    services.unready_listed,
    retry.no_deadline,
    retry.per_attempt_deadline,
    # wrong retries show only where calls are made to fail
    retry.no_retry,
    retry.throttled,
    retry.attempt_count,
    retry.other_code,
    retry.committed,
    retry.backoff,
    # faults
    recovery.not_drained,
    recovery.waits_for_all,
    recovery.waits_for_ready,
    retry.failed_at_once,
    recovery.no_keepalive,
    recovery.unconnected_picked,
    discovery.old_records,
    discovery.never_asked,
    discovery.not_asked_again,
    discovery.newcomer_unused,
    discovery.unlisted_used,
    recovery.slow_reconnect,
    # an even world
    distribution.called_twice,
    distribution.connection_per_call,
    distribution.duplicate_address,
    distribution.some_addresses,
    distribution.channel_pool,
    distribution.balanced_between,
    distribution.one_replica,
    distribution.other_policy,
    distribution.served_by_changed,
    recovery.unanswered,
)

OF_ROUND_ROBIN: Sequence[Rule] = (
    recovery.unconnected_picked,
    recovery.waits_for_all,
    recovery.slow_reconnect,
    distribution.duplicate_address,
    distribution.channel_pool,
    distribution.one_replica,
    distribution.other_policy,
)
"""Of these the rules that take for wrong what other policies do rightly: not asked where another one is in force."""


@dataclass(frozen=True)
class Explanation:
    """
    Why a behaviour did not hold, in words.

    `suspects` are the names of the causes (tests/harness/causes/causes.toml), several where it is undecided.
    """

    suspects: tuple[str, ...]
    seen: str
    cause: str
    remedy: str
    sureness: str


def find(case: Case, behaviour: str) -> Finding:
    """Return what the first rule that fires finds, for a behaviour by the name of its function."""
    always = [rule for rule in ALWAYS if case.policy == "round_robin" or rule not in OF_ROUND_ROBIN]
    for rule in (*FIRST.get(behaviour, ()), *always):
        if finding := rule(case):
            return finding
    return undecided((), facts(case), "no rule knows this picture; its timeline holds all of it")


def explain(case: Case, behaviour: str, language: str) -> Explanation:
    """Explain why a behaviour did not hold of a subject in this language ("" if it is not known)."""
    finding = find(case, behaviour)
    causes = [CAUSES[name] for name in finding.suspects]
    which = ["" if len(causes) == 1 else f"if {cause.name.replace('_', ' ')}: " for cause in causes]
    mends = [f"{if_it}{line}" for if_it, cause in zip(which, causes, strict=True) for line in remedy(cause, language)]
    link = "; what would decide: " if finding.sureness is Sureness.UNDECIDED and causes else ": "
    return Explanation(
        suspects=finding.suspects,
        seen=finding.seen,
        cause=" Or: ".join(cause.text for cause in causes) or UNKNOWN,
        remedy="\n".join(mends),
        sureness=f"{finding.sureness}{link}{finding.because}",
    )


def unexplained(seen: str) -> Explanation:
    """Return that no cause is known, and why none was looked for."""
    return Explanation((), seen, UNKNOWN, "", str(Sureness.UNDECIDED))


def facts(case: Case) -> str:
    """Return the bare facts in one sentence, where no rule has a better one."""
    seen = f"{many(len(case.calls), 'call')}, {len(case.failed)} failed"
    if case.attempts:
        connections = len({each.peer for each in case.attempts})
        spread = tally(each.replica for each in case.attempts)
        seen += f"; {many(len(case.attempts), 'attempt')} spread {spread} over {many(connections, 'connection')}"
    if case.answers is not None:
        seen += f"; the name server was asked {many(len(case.answers), 'time')}"
    return seen
