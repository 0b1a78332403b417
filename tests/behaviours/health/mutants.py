"""Health checking that is not in force, asks for another name, or makes something else of the answer."""

from tests.harness.subject.mutant import EVERYWHERE, Mutant, config, round_robin
from tests.harness.subject.service_configs import SERVICE, Config, checked

CHECKED: Config = checked(SERVICE)
PICK_FIRST_CHECKED: Config = {**CHECKED, "loadBalancingConfig": [{"pick_first": {}}]}

NO_HEALTH_CHECK = Mutant(
    "no_health_check",
    "no health check",
    variables=config(lambda config, _: config.pop("healthCheckConfig"), base=CHECKED),
    base=CHECKED,
    environments=EVERYWHERE,
    cause="no_health_check",
)
HEALTH_OF_THE_SERVER = Mutant(
    "health_of_the_server",
    "asks for the health of the server as a whole, which is another one than the service's",
    variables=config(lambda config, _: config["healthCheckConfig"].update(serviceName=""), base=CHECKED),
    base=CHECKED,
    cause="wrong_health_service_name",
)
OWN_HEALTH_CHECKS = Mutant(
    "own_health_checks",
    "asks for health by hand, and takes a replica that is well again over a new connection",
    gateway="own_health_checks",
    cause="own_health_checks",
)
HEALTH_REQUIRED = Mutant(
    "health_required",
    "takes a replica without a health service for one that is not well",
    gateway="health_required",
    cause="health_required",
)
HEEDS_NOT_SERVING_ONLY = Mutant(
    "heeds_not_serving_only",
    "takes every status but NOT_SERVING for SERVING",
    gateway="heeds_not_serving_only",
    cause="other_status_treated_as_serving",
)
UNANSWERED_IS_WELL = Mutant(
    "unanswered_is_well",
    "takes a replica for well that has not answered yet how it is",
    gateway="unanswered_is_well",
    cause="pending_health_treated_as_serving",
)
ROUND_ROBIN_CHECKED = Mutant(
    "round_robin_checked",
    "asks for round_robin instead of pick_first, beside its health check",
    variables=round_robin(PICK_FIRST_CHECKED),
    base=PICK_FIRST_CHECKED,
    cause="not_pick_first",
)
