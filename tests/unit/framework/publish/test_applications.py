"""Ask YARN about an application that another driver left."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from py4j.protocol import Py4JError

from framework.publish import applications
from framework.publish.applications import application_state

ID = "application_1_0001"


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for the Spark context of a driver on YARN."""
    context = SimpleNamespace(_jvm=MagicMock(), _jsc=MagicMock(), master="yarn")
    monkeypatch.setattr(applications, "_active_context", lambda: context)
    return context


@pytest.mark.parametrize(
    ("state", "told"), [("RUNNING", "live"), ("ACCEPTED", "live"), ("KILLED", "over")]
)
def test_the_resource_manager_of_the_job_is_asked(
    context: SimpleNamespace, state: str, told: str
) -> None:
    """That of `spark.hadoop.yarn.…` too, which no file of Hadoop's configuration names."""
    hadoop = context._jvm.org.apache.hadoop.yarn
    client = hadoop.client.api.YarnClient.createYarnClient.return_value
    client.getApplicationReport.return_value.getYarnApplicationState.return_value = state
    assert application_state(ID) == told
    hadoop.conf.YarnConfiguration.assert_called_once_with(
        context._jsc.hadoopConfiguration.return_value
    )
    client.stop.assert_called_once_with()


def test_what_the_resource_manager_does_not_tell_is_unknown(context: SimpleNamespace) -> None:
    hadoop = context._jvm.org.apache.hadoop.yarn
    client = hadoop.client.api.YarnClient.createYarnClient.return_value
    client.getApplicationReport.side_effect = Py4JError("it doesn't exist in RM")
    assert application_state(ID) == "unknown"
    client.stop.assert_called_once_with()
    assert application_state("local-1716192000000") == "unknown"
