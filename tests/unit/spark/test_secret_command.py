"""The command of a job with secrets: where each of them goes, and where none does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from framework.contract.secret_names import SPARK_REDACTION_DEFAULT
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.bundle.secrets import resolve_secrets
from orch_dagster.control.records import SysParam
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand, build_command
from orch_dagster.spark.deployment import AM_ENV
from orch_dagster.spark.job_submit import JobSubmit, prepare_job
from orch_dagster.spark.redaction import REDACTION, covering
from orch_dagster.spark.system_paths import Platform
from orch_dagster.toolchain.errors import SubmitRefusedError
from tests.bundles import job_bundle
from tests.unit.spark.test_command import MASTERS, request_for

SECRETS = ["vault-code", "hunter2"]


def command_for(platform: Platform, where: str, **properties: str) -> SubmitCommand:
    request = request_for(platform, **MASTERS[where], **properties)
    with_secrets = replace(
        request,
        spark_properties={**request.spark_properties, "spark.hadoop.vault.code": SECRETS[0]},
        secret_properties=frozenset({"spark.hadoop.vault.code"}),
        secret_variables={"DB_LOGIN": SECRETS[1]},
        secret_options=frozenset({"user"}),
    )
    return build_command(with_secrets, platform)


@pytest.mark.parametrize("where", MASTERS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_no_secret_is_in_argv_wherever_it_runs(platform: Platform, where: str) -> None:
    command = command_for(platform, where)
    assert not [secret for secret in SECRETS if secret in " ".join(command.argv)]
    assert command.properties["spark.hadoop.vault.code"] == SECRETS[0]
    # What Spark would no longer read beside the file.
    assert command.properties["spark.eventLog.enabled"] == "false"
    names = "DB_LOGIN,spark.hadoop.vault.code"
    if where == "yarn-cluster":
        assert command.properties[f"{AM_ENV}DB_LOGIN"] == SECRETS[1]
        assert command.properties[f"{AM_ENV}JOB_SECRETS"] == names
        assert not {"DB_LOGIN", "JOB_SECRETS"} & {*command.env}
    else:
        assert (command.env["DB_LOGIN"], command.env["JOB_SECRETS"]) == (SECRETS[1], names)
        assert not [name for name in command.properties if name.startswith(AM_ENV)]


def test_without_secrets_nothing_is_there_for_them() -> None:
    command = build_command(request_for("linux"), "linux")
    assert "JOB_SECRETS" not in command.env
    assert REDACTION not in command.properties


def test_a_property_of_the_job_for_the_same_variable_is_refused() -> None:
    with pytest.raises(SubmitRefusedError) as caught:
        command_for("linux", "yarn-cluster", **{f"{AM_ENV}DB_LOGIN": "x"})
    assert caught.value.properties == (f"{AM_ENV}DB_LOGIN",)


@pytest.mark.parametrize(
    ("properties", "kept"), [({}, SPARK_REDACTION_DEFAULT), ({REDACTION: "own|mine"}, "own|mine")]
)
def test_sparks_redaction_keeps_what_it_covers(properties: dict[str, str], kept: str) -> None:
    regex = command_for("linux", "yarn-cluster", **properties).properties[REDACTION]
    assert regex.startswith(f"(?:{kept})|")


def test_spark_defaults_redaction_is_kept_too() -> None:
    request = replace(
        request_for("linux"),
        spark_defaults={REDACTION: "of defaults"},
        secret_variables={"DB_LOGIN": "x"},
    )
    regex = build_command(request, "linux").properties[REDACTION]
    assert regex.startswith("(?:of defaults)|")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("spark.hadoop.vault.code", "spark.hadoop.vault.code"),
        ("spark.hadoop.vault.code", "vault.code"),
        ("spark.hive.x", "hive.x"),
        ("DB_LOGIN", "spark.yarn.appMasterEnv.DB_LOGIN"),
        ("user", "user"),
        ("userName", "username"),
        ("a+b(c", "x.a+b(c"),
    ],
)
def test_a_name_is_covered_as_spark_spells_it(name: str, key: str) -> None:
    assert re.search(covering("none of these", [name, "another"]), key)


@pytest.mark.parametrize("key", ["spark.hadoop.vault.codes", "spark.xvault.code.y", "superuser"])
def test_other_names_are_not(key: str) -> None:
    regex = covering("none of these", ["spark.hadoop.vault.code", "user"])
    assert not re.search(regex, key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spark.hadoop.fs.azure.account.key.acme.dfs.core.windows.net", "of-azure-1=="),
        ("spark.hadoop.fs.azure.sas.raw.acme.blob.core.windows.net", "sv=2022&sp=r"),
        ("spark.kafka.sasl.jaas.config", "org.x.PlainLoginModule required;"),
        ("spark.my.connectionString", "Endpoint=sb://h/;Key=k1"),
        ("spark.my.pwd", "of-my-pwd"),
        ("spark.my.sharedKey", "of-my-key"),
        ("spark.mongodb.read.connection.uri", "mongodb://u:of-mongo@h/db"),
        ("spark.jars", "https://u:of-nexus@nexus/a.jar"),
    ],
)
def test_a_secret_by_its_key_or_value_is_in_no_argument(
    settings: Settings, key: str, value: str
) -> None:
    bundle = job_bundle({"sources": [], "sinks": []}, [SysParam(key, "DEV", "*", value, "spark")])
    redacted = redact_bundle(bundle, settings.secret_patterns)
    assert value not in redacted.bundle.to_json()
    secrets = resolve_secrets(redacted, settings, {})
    home = settings.home
    files = home / "p.json", home / "p.properties", home / "job.log"
    command = prepare_job(JobSubmit(redacted.bundle, secrets, *files), settings, pipes_env={})
    assert value not in " ".join(command.argv)
    assert value in command.properties[key]
    assert secrets.mask(f"it is {value}") == "it is ******"
