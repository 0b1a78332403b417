"""Why a behaviour is skipped before anything runs: the sentence for the report, and the word for a table's cell."""

BLACK_BOX = "needs a configurable gateway (tier 2); the subject is a black box (tier 1)"
CALLS_BY_ITSELF = "the subject calls by itself: no one orders its calls, and what becomes of them is not seen"
NOT_HOSTED = "not hosted"
"""The word if an environment cannot host a behaviour, which means nothing for the subject."""

REMOVED = "the suite no longer has this behaviour"
"""The reason if a saved run judged what cannot be judged again."""

_ONLY_ON = "only on "
_NOT_PROMISED = "the subject does not promise "
_PROMISED_IN_WORDS = {
    "another policy": "a policy other than round_robin",
    "calls for every replica": "a policy other than round_robin that sends calls to every replica",
    "a floor": "a minimum re-resolution interval of 5 s or more",
    "no polling": "to re-resolve only on demand",
    "fail fast": "to fail fast: its calls wait for a ready replica",
    "keepalive": "keepalive",
    "wait_for_ready": "that calls wait for a ready replica",
    "no application retries": "that gRPC retries: its application does",
    "sustained retries": "to treat calls alike however many have failed: it throttles retries, or ejects replicas",
    "no ejection": "to call a replica however often calls fail there: it ejects replicas",
    "no hedging": "that a call has one attempt at a time: it hedges",
    "jitter": "a jitter that shows in its retries",
    "growing backoff": "a second backoff that is longer than the first, and not capped",
    "deadline": "a deadline",
    "one deadline": "that an attempt may use the whole deadline: it has a per-try timeout",
    "streams end": "that a broken stream ends: it opens another one in its place",
    "stream deadline": "a deadline of its streams",
    "served_by": "to name who served a call: it has its own request or service, and the ledgers tell",
    "a server": "to stop as a server does: it is none",
    "serves when it listens": "to serve before it reports that it is ready",
}
_UNSUPPORTED = " is unsupported"
_OLDER_BLACK_BOX, _OLDER_NOT_PROMISED = "needs another configuration, and ", " is not promised"
"""How reports of 0.1.0-dev, and matrix.json after them, put it."""


def unsupported(feature: str) -> str:
    """Return the reason if the subject declares a feature unsupported."""
    return f"{feature}{_UNSUPPORTED}"


def not_promised(promise: str) -> str:
    """Return the reason if the subject does not promise what the behaviour judges."""
    return _NOT_PROMISED + _PROMISED_IN_WORDS.get(promise, promise)


def not_hosted(environments: tuple[str, ...], reason: str) -> str:
    """Say where a behaviour can be judged, and nowhere else."""
    return f"{_ONLY_ON}{', '.join(environments)}: {reason}"


def word_for(reason: str) -> str:
    """Return the word for a reason from this module, "" for any other."""
    if reason.startswith((BLACK_BOX, _OLDER_BLACK_BOX)):
        return "black box"
    if reason == CALLS_BY_ITSELF:
        return "calls by itself"
    if reason.startswith(_ONLY_ON):
        return NOT_HOSTED
    if reason.startswith(_NOT_PROMISED) or reason.endswith(_OLDER_NOT_PROMISED):
        return "not promised"
    return "unsupported" if reason.endswith(_UNSUPPORTED) else ""
