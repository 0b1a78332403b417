"""Health checking that is off, checks another name, or misinterprets the answer."""

from tests.harness.subject.mutant import EVERYWHERE, Mutant, config, round_robin
from tests.harness.subject.service_configs import SERVICE, Config, checked

CHECKED: Config = checked(SERVICE)
PICK_FIRST_CHECKED: Config = {**CHECKED, "loadBalancingConfig": [{"pick_first": {}}]}

NO_HEALTH_CHECK = Mutant(
    "no_health_check",
    "has no health check",
    variables=config(lambda config, _: config.pop("healthCheckConfig"), base=CHECKED),
    base=CHECKED,
    environments=EVERYWHERE,
    cause="no_health_check",
)
HEALTH_OF_THE_SERVER = Mutant(
    "health_of_the_server",
    "checks the health of the whole server instead of the service",
    variables=config(lambda config, _: config["healthCheckConfig"].update(serviceName=""), base=CHECKED),
    base=CHECKED,
    cause="wrong_health_service_name",
)
OWN_HEALTH_CHECKS = Mutant(
    "own_health_checks",
    "checks health by hand, and uses a recovered replica over a new connection",
    gateway="own_health_checks",
    cause="own_health_checks",
)
HEALTH_REQUIRED = Mutant(
    "health_required",
    "treats a replica without a health service as unhealthy",
    gateway="health_required",
    cause="health_required",
)
HONOURS_NOT_SERVING_ONLY = Mutant(
    "honours_not_serving_only",
    "treats every status except NOT_SERVING as SERVING",
    gateway="honours_not_serving_only",
    cause="other_status_treated_as_serving",
)
UNANSWERED_IS_HEALTHY = Mutant(
    "unanswered_is_healthy",
    "treats a replica without a health response as healthy",
    gateway="unanswered_is_healthy",
    cause="pending_health_treated_as_serving",
)
WATCHES_ONCE = Mutant(
    "watches_once",
    "keeps the last status of a replica whose health watch has ended",
    gateway="watches_once",
    cause="watch_not_reopened",
)
ROUND_ROBIN_CHECKED = Mutant(
    "round_robin_checked",
    "uses round_robin instead of pick_first together with its health check",
    variables=round_robin(PICK_FIRST_CHECKED),
    base=PICK_FIRST_CHECKED,
    cause="not_pick_first",
)
