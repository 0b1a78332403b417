"""Why a behaviour is skipped before anything runs: the sentence for the report, and the word for a table's cell."""

BLACK_BOX = "needs a configurable gateway (tier 2); the subject is a black box (tier 1)"
NOT_HOSTED = "not hosted"
"""The word if an environment cannot host a behaviour, which means nothing for the subject."""

REMOVED = "the suite no longer has this behaviour"
"""The reason if a saved run judged what cannot be judged again."""

_ONLY_ON = "only on "
_NOT_PROMISED = "the subject does not promise "
_IN_WORDS = {
    "no polling": "to re-resolve only on demand",
    "another policy": "a policy other than round_robin",
    "a floor": "a minimum re-resolution interval of 5 s or more",
}
_UNSUPPORTED = " is unsupported"
_OLDER_BLACK_BOX, _OLDER_NOT_PROMISED = "needs another configuration, and ", " is not promised"
"""How reports of 0.1.0-dev, and matrix.json after them, put it."""


def unsupported(feature: str) -> str:
    """Return the reason if the subject declares a feature unsupported."""
    return f"{feature}{_UNSUPPORTED}"


def not_promised(promise: str) -> str:
    """Return the reason if the subject does not promise what the behaviour judges."""
    return _NOT_PROMISED + _IN_WORDS.get(promise, promise)


def not_hosted(environments: tuple[str, ...], reason: str) -> str:
    """Say where a behaviour can be judged, and nowhere else."""
    return f"{_ONLY_ON}{', '.join(environments)}: {reason}"


def word_for(reason: str) -> str:
    """Return the word for a reason from this module, "" for any other."""
    if reason.startswith((BLACK_BOX, _OLDER_BLACK_BOX)):
        return "black box"
    if reason.startswith(_ONLY_ON):
        return NOT_HOSTED
    if reason.startswith(_NOT_PROMISED) or reason.endswith(_OLDER_NOT_PROMISED):
        return "not promised"
    return "unsupported" if reason.endswith(_UNSUPPORTED) else ""
