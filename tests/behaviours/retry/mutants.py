"""Wrong retries, and wrong deadlines of retries."""

from tests.behaviours.elsewhere import elsewhere
from tests.harness.subject.mutant import EVERYWHERE, Mutant, config
from tests.harness.subject.promises import CODES

RETRY_WRONG_SERVICE = Mutant(
    "retry_wrong_service",
    "its retry policy names a service that it does not call, which gRPC silently ignores",
    variables=config(lambda config, _: config["methodConfig"][0].update(name=[{"service": "OrderService"}])),
    cause="no_retry_policy",
)
RETRY_WRONG_SERVICE_ELSEWHERE = elsewhere(RETRY_WRONG_SERVICE)
ONE_MORE = Mutant(
    "one_more",
    "makes one attempt more",
    variables=config(lambda _, retry: retry.update(maxAttempts=4)),
    cause="more_attempts",
)
ONE_FEWER = Mutant(
    "one_fewer",
    "makes one attempt fewer",
    variables=config(lambda _, retry: retry.update(maxAttempts=2)),
    cause="fewer_attempts",
)
NO_BACKOFF = Mutant(
    "no_backoff",
    "retries after 10 ms and then 20 ms",
    variables=config(lambda _, retry: retry.update(initialBackoff="0.01s")),
    cause="short_backoff",
)
FIXED_BACKOFF = Mutant(
    "fixed_backoff",
    "its retry backoff does not grow",
    variables=config(lambda _, retry: retry.update(backoffMultiplier=1)),
    cause="constant_backoff",
)
APPLICATION_RETRY = Mutant(
    "application_retry",
    "retries in application code instead of in gRPC",
    gateway="application_retry",
    cause="application_retry",
)
PER_ATTEMPT_DEADLINE = Mutant(
    "per_attempt_deadline",
    "gives each attempt the whole deadline",
    gateway="per_attempt_deadline",
    cause="per_attempt_deadline",
)
AUTHORIZES_ONCE = Mutant(
    "authorizes_once",
    "retries in application code, and sends its token with the first attempt only",
    gateway="authorizes_once",
    cause="credentials_not_repeated",
)
RELABELS_CODES = Mutant(
    "relabels_codes",
    "reports every failure as UNAVAILABLE",
    gateway="relabels_codes",
    cause="code_changed",
)


def _retries_too(*codes: str) -> dict[str, str]:
    return config(lambda _, retry: retry["retryableStatusCodes"].extend(codes))


RETRIES_TOO = tuple(
    Mutant(
        f"retries_{code.lower()}",
        f"retries {code} too",
        variables=_retries_too(code),
        shows_with={"code": code},
        cause="extra_retryable_code",
        environments=EVERYWHERE if code == "ABORTED" else ("loopback",),
    )
    for code in ("ABORTED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNKNOWN", "DEADLINE_EXCEEDED")
)
RETRIES_EVERYTHING = Mutant(
    "retries_everything",
    "retries every code",
    variables=_retries_too(*(code for code in CODES if code != "UNAVAILABLE")),
    cause="extra_retryable_code",
)
OPENS_A_BREAKER = Mutant(
    "opens_a_breaker",
    "fails all calls for five seconds once three have failed",
    gateway="opens_a_breaker",
    cause="circuit_breaker",
)
