"""How the suite is wired: the plugins, each of which imports only those above it."""

pytest_plugins = [
    "tests.harness.collection",  # which behaviour runs where, and against which mutant
    "tests.harness.outcome",  # the verdict on each
    "tests.harness.compare",  # the older report that --compare names
    "tests.harness.report",  # tables, report.json, exit status
    "tests.harness.progress",  # what is being waited for, while it runs
    "tests.loopback.environment",  # the loopback environment
    "tests.compose.images",  # Docker and the images, before anything starts
    "tests.compose.environment",  # the Compose environment
    "tests.kind.session",  # the cluster and the images before anything starts, the Kubernetes environment
    "tests.harness.fixtures",  # what behaviours take
]
