"""Check that the logins of the jobs on YARN are taken: log in by each keytab, and ask YARN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from framework.contract.some_of import some_sorted
from orch_dagster.cli.cluster_uses import CheckedPart, ClusterUse, by_reach
from orch_dagster.spark.yarn.gateway import YarnClient, YarnGateway, hadoop_properties
from orch_dagster.spark.yarn.gateway_command import YarnError, login_of

_AUTHENTICATION = "hadoop.security.authentication"
_KERBEROS = "kerberos"
# No application has it.
_TAG = "orch-doctor"


def logins(
    uses: Sequence[ClusterUse], conf: Mapping[str, str], gateway: YarnGateway
) -> Iterator[CheckedPart]:
    """Yield whether YARN takes the principal and the keytab of each job that has them.

    Args:
        uses: The jobs on YARN.
        conf: The properties of HADOOP_CONF_DIR.
        gateway: The gateway to the cluster.
    """
    for group in by_reach(uses):
        properties = group[0].properties
        if login := login_of(properties):
            jobs = some_sorted({each.spec.job_name for each in group})
            who = f"{login['principal']} (of {jobs})"
            of_group = {**conf, **hadoop_properties(properties)}
            if of_group.get(_AUTHENTICATION, "").strip().lower() == _KERBEROS:
                yield _taken(who, login["keytab"], YarnClient.of(gateway, properties))
            else:
                text = f"{who} is not used, as {_AUTHENTICATION} is not {_KERBEROS}"
                yield "YARN", "warning", f"{text}: correct core-site.xml, or remove the principal"


def _taken(who: str, keytab: str, client: YarnClient) -> CheckedPart:
    try:
        client.find(_TAG)
    except YarnError as error:
        state = "warning" if error.is_away else "missing"
        return "YARN", state, f"{who} can't ask the resource manager by {keytab}: {error}"
    return "YARN", "ok", f"the resource manager answers {who}, logged in by {keytab}"
