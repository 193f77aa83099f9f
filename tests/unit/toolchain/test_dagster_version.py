"""Dagster's packages against the range that the package declares."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

import pytest
from click.testing import CliRunner

from orch_dagster.cli.main import main
from orch_dagster.toolchain.dagster_version import check_dagster_version
from orch_dagster.toolchain.errors import DagsterVersionError

DECLARED = [
    "dagster<1.14,>=1.13.0",
    "dagster-pyspark<0.30,>=0.29.0",
    "click<9,>=8.1",
    'dagster-dbt>=9; extra == "dbt"',
]


def install(monkeypatch: pytest.MonkeyPatch, versions: Mapping[str, str]) -> None:
    """Let these be the installed packages of Dagster."""

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "requires", lambda _name: DECLARED)
    monkeypatch.setattr(metadata, "version", version)


@pytest.mark.parametrize("version", ["1.13.0", "1.13.27", "1.13.99", "1.13.30rc1"])
def test_the_range_is_accepted(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, {"dagster": version, "dagster-pyspark": "0.29.27"})
    check_dagster_version()


SENTENCE = (
    "orch_dagster does not work with the Dagster that is installed ({}): it needs "
    "dagster<1.14,>=1.13.0, dagster-pyspark<0.30,>=0.29.0; run `python -m pip install "
    '"dagster<1.14,>=1.13.0" "dagster-pyspark<0.30,>=0.29.0"`'
)


@pytest.mark.parametrize(
    ("installed", "unfit"),
    [
        ({"dagster": "1.12.22", "dagster-pyspark": "0.29.27"}, "dagster 1.12.22"),
        (
            {"dagster": "1.14.0", "dagster-pyspark": "0.30.0"},
            "dagster 1.14.0, dagster-pyspark 0.30.0",
        ),
        ({"dagster": "1.13.5"}, "dagster-pyspark is not installed"),
    ],
)
def test_what_is_outside_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, installed: Mapping[str, str], unfit: str
) -> None:
    install(monkeypatch, installed)
    with pytest.raises(DagsterVersionError) as raised:
        check_dagster_version()
    assert str(raised.value) == SENTENCE.format(unfit)


def test_orch_says_it_in_one_line_before_any_command(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"dagster": "1.12.22", "dagster-pyspark": "0.29.27"})
    result = CliRunner().invoke(main, ["jobs"])
    assert result.exit_code == 1
    assert result.output == f"orch: {SENTENCE.format('dagster 1.12.22')}\n"


def test_a_copy_that_is_not_installed_has_no_range(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    check_dagster_version()


def test_this_environment_is_within_the_range_that_it_declares() -> None:
    declared = metadata.requires("orch_dagster") or []
    assert any(text.startswith("dagster") for text in declared)
    check_dagster_version()
