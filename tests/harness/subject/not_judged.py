"""Why a behaviour is left out before anything runs: the sentence for the report, and the word for a table's cell."""

BLACK_BOX = "needs another configuration, and the subject is a black box (tier 1)"
NOT_HOSTED = "not hosted"
"""The word where an environment cannot host a behaviour, which is nothing about the subject."""

_ONLY_ON = "only on "


def unsupported(feature: str) -> str:
    """Say that the subject calls a feature unsupported."""
    return f"{feature} is unsupported"


def not_promised(promise: str) -> str:
    """Say that the subject does not promise what the behaviour judges."""
    return f"{promise} is not promised"


def not_hosted(environments: tuple[str, ...], reason: str) -> str:
    """Say where alone a behaviour can be judged."""
    return f"{_ONLY_ON}{', '.join(environments)}: {reason}"


def word_for(reason: str) -> str:
    """Return the word for a reason of this module, "" for any other."""
    if reason == BLACK_BOX:
        return "black box"
    if reason.startswith(_ONLY_ON):
        return NOT_HOSTED
    ends = {unsupported(""): "unsupported", not_promised(""): "not promised"}
    return next((word for end, word in ends.items() if reason.endswith(end)), "")
