"""
What a process on loopback inherits of the variables of a run: all but those of a CI system, secrets and proxies.

A gateway may depend on any variable of its shell, from JAVA_HOME to LD_LIBRARY_PATH, and would behave differently
without it, so this is a list of what is withheld. What a subject needs of that is given by name: `--pass-variables`, or
[environment]. It keeps secrets out of a gateway's logs, and so out of reports; a program with the rights of this user
could still read them elsewhere.
"""

import re
from collections.abc import Mapping

OF_CI = (
    *("ACTIONS_", "GITHUB_", "INPUT_", "RUNNER_"),  # GitHub
    *("BITBUCKET_", "BUILDKITE_", "CI_", "CIRCLE_", "DRONE_", "GITLAB_", "JENKINS_", "TEAMCITY_", "TRAVIS_"),
)
"""The beginnings of the names of variables that CI systems set."""

_OF_SECRETS = re.compile(
    "(?:^|_)(?:"
    "[A-Z0-9]*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|ACCESSKEY|PRIVATEKEY)S?"
    "|AUTH|COOKIE|JWT|KEYS?|PAT"
    ")(?:_|$)|_(?:PASS|PWD)$"
)

_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


def inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a process inherits of these variables."""
    return {
        name: value
        for name, value in variables.items()
        if not (name.lower().endswith("_proxy") or name.upper().startswith(OF_CI) or _is_secret(name, value))
    }


def secrets(variables: Mapping[str, str]) -> list[str]:
    """Return the names of those that look like secrets of this user, apart from a CI system's."""
    found = (name for name, value in variables.items() if _is_secret(name, value))
    return sorted(name for name in found if not name.upper().startswith(OF_CI) and not name.lower().endswith("_proxy"))


def _is_secret(name: str, value: str) -> bool:
    return bool(_OF_SECRETS.search(name.upper()) or _PASSWORD_IN_URL.search(value))
