"""What a bundle shows of secrets."""

from __future__ import annotations

from typing import Any

import pytest

from framework.contract.secret_names import (
    KEY_PATTERNS,
    is_secret,
    is_secret_ref,
    passwords_in,
    without_passwords,
)
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.control.records import SysParam
from tests.bundles import job_bundle


def bundle_of(
    *params: tuple[str, str | None, str | None],
    source: dict[str, Any] | None = None,
    sink: dict[str, Any] | None = None,
) -> ParamBundle:
    context = {
        "sources": [{"format": "csv", "path": "in.csv", "options": source or {}}],
        "sinks": [{"format": "jdbc", "path": "t", "options": sink or {}}],
    }
    return job_bundle(
        context, [SysParam(key, "DEV", "*", value, kind) for key, value, kind in params]
    )


def test_a_literal_is_moved_to_a_variable_and_the_bundle_refers_to_it() -> None:
    bundle = bundle_of(
        ("api.token", "t0ken", "system"),
        ("schedule.cron", "0 1 * * *", "system"),
        source={"header": True, "Password": "one"},
        sink={"url": "jdbc:x", "user": "u", "trustStorePassword": 1234},
    )
    redacted = redact_bundle(bundle, KEY_PATTERNS)
    context = redacted.bundle.spec.context
    assert context.sources[0].options == {"header": True, "Password": "env:JOB_SECRET_1"}
    assert context.sinks[0].options == {
        "url": "jdbc:x", "user": "u", "trustStorePassword": "env:JOB_SECRET_2",
    }  # fmt: skip
    values = {row.param_key: row.param_value for row in redacted.bundle.sys_params}
    assert values == {"api.token": "env:JOB_SECRET_3", "schedule.cron": "0 1 * * *"}
    assert redacted.variables == {
        "JOB_SECRET_1": "one",
        "JOB_SECRET_2": "1234",
        "JOB_SECRET_3": "t0ken",
    }
    assert redacted.option_names == {"Password", "trustStorePassword"}
    assert redact_bundle(bundle, KEY_PATTERNS) == redacted


def test_a_spark_property_is_hidden_since_the_job_has_it_from_spark() -> None:
    bundle = bundle_of(("spark.x.password", "one", "spark"), ("spark.master", "yarn", "spark"))
    redacted = redact_bundle(bundle, KEY_PATTERNS)
    assert redacted.bundle.params_of_type("spark") == {
        "spark.x.password": "******", "spark.master": "yarn",
    }  # fmt: skip
    assert redacted.properties == {"spark.x.password": "one"}
    assert redacted.variables == {}
    assert bundle.params_of_type("spark")["spark.x.password"] == "one"


def test_a_url_with_a_password_is_moved_as_a_whole() -> None:
    url = "jdbc:postgresql://h/db?user=u&password=hunter2"
    redacted = redact_bundle(bundle_of(sink={"url": url, "user": "u"}), KEY_PATTERNS)
    assert redacted.bundle.spec.context.sinks[0].options == {"url": "env:JOB_SECRET_1", "user": "u"}
    assert redacted.variables == {"JOB_SECRET_1": url}


def test_where_a_secret_is_may_be_shown_and_the_secret_in_its_place_not() -> None:
    redacted = redact_bundle(
        bundle_of(
            ("A", "env:A_1", "secret"),
            ("B", "file:conf/b", "secret"),
            ("C", "hunter2", "secret"),
            ("D", "env:no name", "secret"),
            ("E", None, "secret"),
            source={"user": "env:A"},
        ),
        KEY_PATTERNS,
    )
    assert [row.param_value for row in redacted.bundle.sys_params] == [
        "env:A_1", "file:conf/b", "******", "******", "******",
    ]  # fmt: skip
    assert redacted.bundle.spec.context.sources[0].options == {"user": "env:A"}
    assert redacted.option_names == {"user"}
    assert "hunter2" not in redacted.bundle.to_json()


def test_options_that_refer_are_found_with_their_place() -> None:
    bundle = bundle_of(source={"user": "env:A", "x": "env:no name"}, sink={"password": "env:B"})
    assert list(redact_bundle(bundle, KEY_PATTERNS).references) == [
        ("sources[0].options.user", "A"),
        ("sinks[0].options.password", "B"),
    ]


@pytest.mark.parametrize(
    "key",
    [
        "password", "sfPassword", "spark.hadoop.fs.s3a.secret.key", "fs.s3a.access.key",
        "accessKey", "access_key", "oauth.token", "passwd", "DB_PASSWD", "sslPassphrase", "api-key",
        "apikey", "pem_private_key", "credentials", "credential",
        "spark.hadoop.fs.azure.account.key.acme.dfs.core.windows.net", "accountKey", "sharedKey",
        "spark.hadoop.fs.azure.sas.raw.acme.blob.core.windows.net", "sas", "sasUrl", "storage_key",
        "kafka.sasl.jaas.config", "eventhubs.connectionString", "conn_str", "pwd", "db.pwd",
        "userPwd", "es.net.http.auth.pass", "dbpass", "kafka.ssl.keystore.key",
        "kafka.basic.auth.user.info", "spark.hadoop.fs.s3a.encryption.key", "url.signature",
        "spark.hadoop.parquet.encryption.key.list", "http.Authorization",
        "spark.redis.auth",
    ],
)  # fmt: skip
def test_keys_of_secrets(key: str) -> None:
    assert is_secret(key, "x", KEY_PATTERNS)


@pytest.mark.parametrize(
    "key",
    [
        "user", "header", "spark.hadoop.fs.s3a.aws.credentials.provider", "dbtable", "keyspace",
        "spark.hadoop.security.credential.provider.path", "partitionColumn",
        "spark.io.encryption.keySizeBits", "kafka.sasl.mechanism", "bypass", "primaryKey",
        "spark.sql.session.timeZone", "kafka.ssl.keystore.location", "signatureVersion",
    ],
)  # fmt: skip
def test_other_keys(key: str) -> None:
    assert not is_secret(key, "x", KEY_PATTERNS)


@pytest.mark.parametrize(
    ("value", "passwords"),
    [
        ("jdbc:postgresql://h/db?user=u&password=p%40ss", ["p%40ss"]),
        ("jdbc:sqlserver://h;databaseName=d;user=u;Password = a+b ;encrypt=true", ["a+b"]),
        ("mongodb://u:p@h:27017/d", ["p"]),
        ("http://:p@proxy", ["p"]),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k+/9==;x=y", ["k+/9=="]),
        ("https://a.blob.core.windows.net/c?sv=2022&sig=s%3D&se=2030", ["s%3D"]),
        ("jdbc:oracle:thin:scott/tiger@//h:1521/s", ["tiger"]),
        ("jdbc:oracle:oci:/p/w@tns", ["p/w"]),
        ("jdbc:hive2://h/d;ssl=true;sslTrustStore=/x;trustStorePassword=p1", ["p1"]),
        ("jdbc:db2://h:50000/d:sslTrustStorePassword=p1;", ["p1"]),
        ("jdbc:snowflake://h/?private_key_file=/x&private_key_pwd=p1", ["p1"]),
        ("jdbc:redshift:iam://h/d?AccessKeyID=a&SecretAccessKey=s", ["s"]),
        ("https://h/x?api_key=k1&token=t1&X-Amz-Signature=s1", ["k1", "t1", "s1"]),
        ("jdbc:postgresql://h:5432/db?user=u", []),
        ("jdbc:x://h/d?useToken=true&trustStorePasswordFile=/x", []),
        ("jdbc:oracle:thin:@//h:1521/s", []),
        ("select * from t where next_token = 7 and (page_token = 8)", []),
        ("hdfs://h:8020/a@b", []),
        ("signal=1;passwordFile=/x", []),
        ("password=", []),
        ("://" * 20_000 + "sig=" * 20_000, None),
        (":thin:/" * 20_000, None),
        (";" + "token" * 20_000, None),
    ],
)
def test_a_password_within_a_value_makes_it_a_secret(
    value: str, passwords: list[str] | None
) -> None:
    """None: whatever they are, they are found in no time."""
    found = passwords_in(value)
    assert passwords is None or found == passwords
    assert is_secret("url", value, []) == bool(found)


@pytest.mark.parametrize("value", [True, False, "true", "FALSE", "", " "])
def test_whether_there_is_a_secret_is_none(value: bool | str) -> None:
    assert not is_secret("password", value, KEY_PATTERNS)


def test_the_patterns_are_a_setting() -> None:
    assert is_secret("Kennwort", "x", ["kenn.ort"])
    assert not is_secret("password", "x", [])


@pytest.mark.parametrize("value", ["env:A", "env:_a1", "file:x", "file:/run/secrets/x y"])
def test_places(value: str) -> None:
    assert is_secret_ref(value)


@pytest.mark.parametrize(
    "value", ["", "A", "env:", "env:1a", "env:a b", "env:ä", "file:", "file: "]
)
def test_no_places(value: str) -> None:
    assert not is_secret_ref(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("jdbc:pg://h/d?user=u&password=pw1&ssl=true", "jdbc:pg://h/d?user=u&password=***&ssl=true"),
        ("mongodb://u:p@ss@h1,h2/d", "mongodb://u:***@h1,h2/d"),
        ("x://u:p@h y://v:q@i?token=t&sig=s%2B", "x://u:***@h y://v:***@i?token=***&sig=***"),
        ("Endpoint=sb://h/;SharedAccessKey=a+b=;Timeout=3", "Endpoint=sb://h/;SharedAccessKey=***;Timeout=3"),
        ("amqp://u:a:b@h:1/v", "amqp://u:***@h:1/v"),
        ("a://h:80/x?y=a@b", "a://h:80/x?y=a@b"),
        ("password=***", "password=***"),
        ("x:oracle:thin:u/p@h x:oracle:oci8:v/q@t", "x:oracle:thin:u/***@h x:oracle:oci8:v/***@t"),
        ("jdbc:derby:d;bootPassword=abc;create=true", "jdbc:derby:d;bootPassword=***;create=true"),
    ],
)  # fmt: skip
def test_only_the_passwords_of_a_value_are_masked(value: str, shown: str) -> None:
    assert without_passwords(value, "***") == shown
