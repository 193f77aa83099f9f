"""Secrets of a run: where they are, and everything that keeps a run from having them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.bundle.secrets import (
    SecretError,
    Secrets,
    control_passwords,
    resolve_secrets,
    secret_properties,
)
from orch_dagster.control.records import SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.errors import SettingsError
from orch_dagster.referenced_files import MAX_BYTES
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.settings import Settings, load_settings
from tests.unit.bundle.test_redact import bundle_of


def resolved(settings: Settings, *params: tuple[str, str], **environ: str) -> Secrets:
    rows = [(key, value, "secret") for key, value in params]
    return resolve_secrets(
        redact_bundle(bundle_of(*rows), settings.secret_patterns), settings, environ
    )


def refused(settings: Settings, *params: tuple[str, str], **environ: str) -> list[str]:
    """The sentence of each fault, without its row."""
    with pytest.raises(SecretError) as caught:
        resolved(settings, *params, **environ)
    for (where, _), (key, _) in zip(caught.value.faults, params, strict=True):
        assert where == f"sys_params (param_key={key}, environment=DEV, key_name=*)"
        assert where in str(caught.value)
    return [what for _, what in caught.value.faults]


def test_they_come_from_the_environment_and_from_files_of_the_home(
    settings: Settings, home: Path, tmp_path: Path
) -> None:
    (home / "conf").mkdir()
    (home / "conf" / "key").write_bytes("\ufeffline 1\r\nline ü\r\n".encode())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "key").write_text("from elsewhere", encoding="utf-8")
    settings = settings.model_copy(update={"secret_dirs": (elsewhere,)})
    found = resolved(
        settings,
        ("DB_PASSWORD", "env:DB_PW"),
        ("KEY", "file:conf/key"),
        ("spark.hadoop.x", f"file:{elsewhere / 'key'}"),
        DB_PW="hunter2 \n",
    )
    assert found.variables == {"DB_PASSWORD": "hunter2 \n", "KEY": "line 1\r\nline ü"}
    assert found.properties == {"spark.hadoop.x": "from elsewhere"}
    assert found.mask("hunter2, line 1\r\nline ü, from elsewhere") == "******, ******, ******"


def test_all_of_a_jobs_are_masked(settings: Settings) -> None:
    bundle = bundle_of(
        ("DB_USER", "env:DB_USER", "secret"),
        ("spark.x.password", "in sys_params", "spark"),
        sink={"user": "env:DB_USER", "password": "literal"},
    )
    found = resolve_secrets(
        redact_bundle(bundle, settings.secret_patterns), settings, {"DB_USER": "lander"}
    )
    assert found.variables == {"DB_USER": "lander", "JOB_SECRET_1": "literal"}
    # Spark has it from the properties file, since the bundle no longer does.
    assert found.properties == {"spark.x.password": "in sys_params"}
    assert found.option_names == {"user", "password"}
    assert found.mask("lander in sys_params literal") == "****** ****** ******"


def test_everything_that_is_not_there_is_named_at_once(settings: Settings, home: Path) -> None:
    (home / "empty").write_text("\n")
    (home / "binary").write_bytes(b"\xff\xfe\x01")
    (home / "with_nul").write_bytes(b"a\0b")
    (home / "long").write_bytes(b"x" * (MAX_BYTES + 1))
    faults = refused(
        settings,
        ("A", "env:NOT_SET"),
        ("B", "env:EMPTY"),
        ("C", "file:absent"),
        ("D", "file:empty"),
        ("E", "file:binary"),
        ("F", "file:with_nul"),
        ("G", "file:long"),
        ("H", "file:."),
        EMPTY="",
    )
    assert "the environment variable NOT_SET is not set, or empty" in faults[0]
    assert "set it for every process of Dagster and for orch" in faults[1]
    # The system's own word for it is in the brackets.
    assert faults[2].startswith(f"{home / 'absent'} can't be read (")
    assert f"{home / 'empty'} is empty" in faults[3]
    assert "not text in UTF-8" in faults[4]
    assert "NUL character" in faults[5]
    assert f"longer than {MAX_BYTES} bytes" in faults[6]
    assert f"{home} is not a regular file" in faults[7]


@pytest.mark.parametrize("value", ["hunter2", "env:hunter 2", "file:", "vault:x", "", " env:A"])
def test_a_value_that_is_no_place_is_refused_and_not_shown(settings: Settings, value: str) -> None:
    (fault,) = refused(settings, ("A", value), A="x")
    assert "as env:NAME or file:PATH, and this one (not shown)" in fault
    assert "hunter" not in fault


@pytest.mark.parametrize("key", ["db.password", "1ST", "A-B", "A B", "", "Ä", "A="])
def test_a_key_that_is_no_variable_is_refused(settings: Settings, key: str) -> None:
    (fault,) = refused(settings, (key, "env:A"), A="x")
    assert "environment variable of the job (letters, digits and _, no digit first)" in fault


@pytest.mark.parametrize(
    "key",
    [
        "JOB_PARAMS_FILE", "JOB_SECRETS", "JOB_SECRET_1", "LOG_FILE", "PYTHONPATH", "JAVA_HOME",
        "PATH", "Path", "SPARK_HOME", "PYSPARK_PYTHON", "DAGSTER_PIPES_CONTEXT", "ORCH_HOME",
    ],
)  # fmt: skip
def test_a_variable_by_which_a_job_is_started_is_refused(settings: Settings, key: str) -> None:
    (fault,) = refused(settings, (key, "env:A"), A="x")
    assert "that variable is set for every job" in fault


@pytest.mark.parametrize(
    "key",
    [
        "spark.master", "spark.submit.deployMode", "spark.app.name", "spark.jars",
        "spark.driver.extraJavaOptions", "spark.executor.defaultJavaOptions",
        "spark.redaction.regex", "spark.yarn.tags",
    ],
)  # fmt: skip
def test_a_property_that_others_can_see_is_refused(settings: Settings, key: str) -> None:
    (fault,) = refused(settings, (key, "env:A"), A="x")
    assert "part of a command line" in fault


def test_an_option_that_refers_to_no_secret_is_named_with_its_place(settings: Settings) -> None:
    bundle = bundle_of(
        ("spark.x", "env:A", "secret"),
        ("OTHER", "value", "system"),
        source={"user": "env:OTHER"},
        sink={"password": "env:DB_PASSWORD"},
    )
    with pytest.raises(SecretError) as caught:
        resolve_secrets(
            redact_bundle(bundle, settings.secret_patterns),
            settings,
            {"A": "x", "DB_PASSWORD": "set, but not for the job"},
        )
    (where, first), (_, second) = caught.value.faults
    assert where == "job_master (job_id=J1)"
    assert "context_params: sources[0].options.user is env:OTHER" in first
    assert "add a row of param_type secret whose param_key is DB_PASSWORD" in second


def test_one_that_is_not_there_is_not_named_again_by_its_options(settings: Settings) -> None:
    bundle = bundle_of(("A", "env:NOT_SET", "secret"), sink={"password": "env:A"})
    with pytest.raises(SecretError) as caught:
        resolve_secrets(redact_bundle(bundle, settings.secret_patterns), settings, {})
    assert len(caught.value.faults) == 1


def test_a_literal_that_no_variable_can_hold_is_refused(settings: Settings) -> None:
    with pytest.raises(SecretError, match="NUL character") as caught:
        resolve_secrets(
            redact_bundle(bundle_of(sink={"password": "hunter\0two"}), settings.secret_patterns),
            settings,
            {},
        )
    assert "hunter" not in str(caught.value)


def rows_of_all(*places: tuple[str, str]) -> list[SysParam]:
    """Secret rows of another job, of another environment."""
    return [SysParam(key, "PROD", "other_job", place, "secret") for key, place in places]


def test_what_any_row_names_is_masked_and_kept_from_the_job(settings: Settings, home: Path) -> None:
    (home / "of-another").write_text("from a file\n", encoding="utf-8")
    bundle = bundle_of(("spark.hadoop.x", "env:SHARED", "secret"))
    others = rows_of_all(
        ("A", "env:OTHER"), ("B", "file:of-another"), ("C", "env:SHARED"), ("D", "by-sql"),
        ("E", "env:NOT_SET"), ("F", "file:absent"),
    )  # fmt: skip
    found = resolve_secrets(
        redact_bundle(bundle, settings.secret_patterns),
        settings,
        {"OTHER": "of-other", "SHARED": "of-both"},
        others,
    )
    assert found.mask("of-other, from a file, of-both, by-sql") == ", ".join(["******"] * 4)
    assert found.properties == {"spark.hadoop.x": "of-both"}
    assert found.variables == {}
    # The job names SHARED itself, and a script may read it there.
    assert found.of_others == {"OTHER", "NOT_SET"}


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        ("postgresql+psycopg://orch:p%40ss%2Fw@db:5432/control", ["p@ss/w", "p%40ss%2Fw"]),
        ("postgresql+psycopg://orch:plain@db/control", ["plain", "plain"]),
        ("postgresql+psycopg://orch@db/control", []),
        ("postgresql+psycopg://orch:p/w@db/control", ["p/w", "p/w"]),
        (
            "postgresql+psycopg://orch@db/c?sslmode=require&password=p%40+w&sslpassword=key",
            ["p@ w", "p%40+w", "key", "key"],
        ),
        ("sqlite:///.orch/a:b@c.db", []),
        ("kudu://one:7051,two:7051", []),
    ],
)
def test_the_password_of_the_control_store_is_found(url: str, passwords: list[str]) -> None:
    assert control_passwords(url) == passwords


def test_recovery_has_those_of_spark_alone(settings: Settings) -> None:
    rows = [
        SysParam("spark.x", "DEV", "*", "env:X", "secret"),
        SysParam("DB_PASSWORD", "DEV", "*", "env:NOT_SET", "secret"),
        SysParam("spark.master", "DEV", "*", "yarn", "spark"),
    ]
    assert secret_properties(rows, settings, {"X": "x1"}) == {"spark.x": "x1"}
    with pytest.raises(SecretError, match="X is not set"):
        secret_properties(rows, settings, {})


def test_patterns_of_ones_own_and_one_that_is_no_regular_expression(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_SECRET_PATTERNS", '["kennwort", "pin$"]')
    assert load_settings().secret_patterns == ("kennwort", "pin$")
    monkeypatch.setenv("ORCH_SECRET_PATTERNS", '["pin", "(a"]')
    with pytest.raises(SettingsError, match=r"ORCH_SECRET_PATTERNS: .*'\(a' is not a reg"):
        load_settings()


def test_apply_stores_no_secret(settings: Settings, store: ControlStore, tmp_path: Path) -> None:
    file = tmp_path / "rows.yaml"
    row = "{{param_key: {}, environment: DEV, key_name: '*', param_value: {}, param_type: secret}}"
    bad = [row.format("A", "hunter2"), row.format("db.x", "env:X"), row.format("B", "env:B")]
    bad.append(row.format("C", f"file:{tmp_path / 'elsewhere'}"))
    file.write_text("sys_params:\n" + "".join(f"  - {each}\n" for each in bad), encoding="utf-8")
    with pytest.raises(ApplyError) as caught:
        apply_files([file], store, settings)
    assert [problem.text.split(")")[0] for problem in caught.value.problems] == [
        f"sys_params (param_key={key}, environment=DEV, key_name=*" for key in ("A", "db.x", "C")
    ]
    assert "hunter2" not in str(caught.value)
    assert "list its folder in ORCH_SECRET_DIRS" in str(caught.value)
    assert store.read(SYS_PARAMS) == []


def test_an_option_can_t_refer_to_what_was_taken_from_another(settings: Settings) -> None:
    bundle = bundle_of(source={"user": "env:JOB_SECRET_1"}, sink={"password": "literal"})
    with pytest.raises(SecretError, match=r"options\.user is env:JOB_SECRET_1, and no secret"):
        resolve_secrets(redact_bundle(bundle, settings.secret_patterns), settings, {})


def test_no_secret_is_in_a_representation(settings: Settings) -> None:
    bundle = bundle_of(("spark.x.password", "hunter1", "spark"), sink={"password": "hunter2"})
    redacted = redact_bundle(bundle, settings.secret_patterns)
    assert (redacted.variables, redacted.properties) == (
        {"JOB_SECRET_1": "hunter2"}, {"spark.x.password": "hunter1"},
    )  # fmt: skip
    assert "hunter" not in repr(redacted)
