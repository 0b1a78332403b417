"""Which service config is in force where the name server has one in a TXT record (gRFC A2)."""

import json
from collections.abc import Mapping
from typing import Any

from tests.harness.causes.case import Case, Finding, likely, many, tally
from tests.harness.subject.service_configs import TEXT_PREFIX, attempts_of, policy_of

FOR_SOME = ("percentage", "clientLanguage", "clientHostname")
"""What limits a choice to some clients; one of 100 % is for all."""


def _choices(text: str) -> list[Mapping[str, Any]]:
    """Return the choices of a record, whatever comes before them; none where that is no JSON."""
    try:
        found: list[Mapping[str, Any]] = json.loads(text.removeprefix(TEXT_PREFIX))
    except ValueError:
        return []
    return found


def _config(choice: Mapping[str, Any]) -> str:
    return json.dumps(choice["serviceConfig"])


def _chosen(text: str) -> str:
    """Return the service config that a record has for every client; "" where it has none."""
    for_all = [each for each in _choices(text) if not set(FOR_SOME) & set(each) or each.get("percentage") == 100]
    return _config(for_all[0]) if for_all and text.startswith(TEXT_PREFIX) else ""


def _valid(config: str) -> bool:
    """Say whether a service config is meant to be valid: with a retry policy a call may make two attempts or more."""
    return attempts_of(config) > 1


def _records(case: Case) -> list[str]:
    """Return the records that there were, in their order."""
    return [each.members["text"] for each in case.history.verbs if each.verb == "publish a text record"]


def _asked(case: Case) -> bool:
    """Say whether the gateway has asked for a TXT record at all."""
    return any(event.at >= case.born and event.members["kind"] == "TXT" for event in case.history.of_kind("dns query"))


def _made(case: Case) -> int | None:
    """Return how many attempts the last calls that failed UNAVAILABLE made; None where they differ, or are none."""
    calls = [call for call in case.failed if call.attempts and {each.code for each in call.attempts} == {"UNAVAILABLE"}]
    made = {len(call.attempts) for call in calls[-3:]}
    return made.pop() if len(made) == 1 else None


def other_config(case: Case) -> Finding | None:
    """The last calls made as many attempts as another service config allows than the one that is due."""
    records, made, own = _records(case), _made(case), case.promises.max_attempts
    if not records or made is None:
        return None
    now, before = records[-1], [config for text in records[:-1] if _valid(config := _chosen(text))]
    due = _chosen(now)
    wanted = attempts_of(due) if due and _valid(due) else attempts_of(before[-1]) if due and before else own
    if made == wanted:
        return None
    choices = [attempts_of(_config(each)) for each in _choices(now)]
    if before and made == attempts_of(before[-1]):
        cause, as_what = "stale_txt_config", "the record allowed that is gone"
    elif made == own:
        forgotten = due and not _valid(due)
        cause, as_what = "txt_config_lost" if forgotten else "txt_record_ignored", "its own service config allows"
    elif made in choices:
        cause, as_what = (
            ("wrong_txt_choice", "another choice of it allows")
            if due
            else ("txt_record_overrides_config", "it would allow")
        )
    else:
        return None
    by = f"by the record of now {many(wanted, 'attempt')} {'is' if wanted == 1 else 'are'} due"
    seen = f"{by}, and the last calls made {made} each, as many as {as_what}"
    return likely(cause, seen, f"no other service config here allows as many, and {_told(case)}")


def _told(case: Case) -> str:
    return "it has asked for TXT records" if _asked(case) else "it has asked for no TXT record"


def policy_kept(case: Case) -> Finding | None:
    """The record became one with pick_first, and the latest attempts went to several replicas."""
    records = _records(case)
    latest = case.attempts[-2 * len(case.replicas) :]
    several = len({each.replica for each in latest}) > 1
    if len(records) < 2 or policy_of(_chosen(records[-1])) != "pick_first" or not several:
        return None
    seen = f"the record says pick_first, and the last {len(latest)} attempts were spread"
    return likely("stale_txt_config", f"{seen} {tally(each.replica for each in latest)}", _told(case))
