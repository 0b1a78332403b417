"""Which service config is in effect when DNS has one in a TXT record (gRFC A2)."""

import json
from collections.abc import Mapping
from typing import Any

from tests.harness.causes.case import Case, Finding, likely, many, tally
from tests.harness.subject.service_configs import TEXT_PREFIX, attempts_of, policy_of

FOR_SOME = ("percentage", "clientLanguage", "clientHostname")
"""What limits a choice to some clients; a choice of 100 % is for all."""


def _choices(text: str) -> list[Mapping[str, Any]]:
    """Return the choices of a record, with or without the prefix; none if it is not valid JSON."""
    try:
        found: list[Mapping[str, Any]] = json.loads(text.removeprefix(TEXT_PREFIX))
    except ValueError:
        return []
    return found


def _config(choice: Mapping[str, Any]) -> str:
    return json.dumps(choice["serviceConfig"])


def _chosen(text: str) -> str:
    """Return the service config that a record has for every client; "" where it has none."""
    for_all = [
        choice for choice in _choices(text) if not set(FOR_SOME) & set(choice) or choice.get("percentage") == 100
    ]
    return _config(for_all[0]) if for_all and text.startswith(TEXT_PREFIX) else ""


def _valid(config: str) -> bool:
    """Say whether a service config is meant to be valid: with a retry policy a call may make two attempts or more."""
    return attempts_of(config) > 1


def _records(case: Case) -> list[str]:
    """Return the records that were published, oldest first."""
    return [verb.members["text"] for verb in case.history.verbs if verb.verb == "publish a text record"]


def _queried(case: Case) -> bool:
    """Say whether the gateway has queried a TXT record at all."""
    return any(event.at >= case.born and event.members["kind"] == "TXT" for event in case.history.of_kind("dns query"))


def _made(case: Case) -> int | None:
    """Return how many attempts the last calls that failed with UNAVAILABLE made; None if they differ."""
    calls = [call for call in case.failed if {attempt.code for attempt in call.attempts} == {"UNAVAILABLE"}]
    made = {len(call.attempts) for call in calls[-3:]}
    return made.pop() if len(made) == 1 else None


def other_config(case: Case) -> Finding | None:
    """The last calls made as many attempts as a service config allows that should not be in effect."""
    records, made, own = _records(case), _made(case), case.promises.max_attempts
    if not records or made is None:
        return None
    now, before = records[-1], [config for text in records[:-1] if _valid(config := _chosen(text))]
    due = _chosen(now)
    wanted = attempts_of(due) if due and _valid(due) else attempts_of(before[-1]) if due and before else own
    if made == wanted:
        return None
    choices = [attempts_of(_config(choice)) for choice in _choices(now)]
    if before and made == attempts_of(before[-1]):
        cause, as_what = "stale_txt_config", "the previous record allowed"
    elif made == own:
        cause = "txt_config_lost" if due and not _valid(due) else "txt_record_ignored"
        as_what = "the gateway's own service config allows"
    elif made in choices and due:
        cause, as_what = "wrong_txt_choice", "another choice in it allows"
    elif made in choices:
        cause, as_what = "txt_record_overrides_config", "the record would allow if it applied"
    else:
        return None
    due_now = f"{many(wanted, 'attempt')} {'is' if wanted == 1 else 'are'} due under the current record"
    seen = f"{due_now}, and the last calls made {made} each, as many as {as_what}"
    return likely(cause, seen, f"no other service config here allows that many, and {_queries(case)}")


def _queries(case: Case) -> str:
    return "the gateway queried TXT records" if _queried(case) else "the gateway queried no TXT record"


def policy_kept(case: Case) -> Finding | None:
    """The record changed to one with pick_first, and the latest attempts went to several replicas."""
    records = _records(case)
    latest = case.attempts[-2 * len(case.replicas) :]
    several = len({attempt.replica for attempt in latest}) > 1
    if len(records) < 2 or policy_of(_chosen(records[-1])) != "pick_first" or not several:
        return None
    seen = f"the record sets pick_first, and the last {len(latest)} attempts were spread"
    return likely("stale_txt_config", f"{seen} {tally(attempt.replica for attempt in latest)}", _queries(case))
