"""Jars by Spark's own Ivy, here from a folder that spark-defaults.conf names as a mirror."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orch_dagster.toolchain.errors import JarError
from orch_dagster.toolchain.jars import (
    KUDU_JAR_VARIABLE,
    KUDU_SPARK,
    Artifact,
    fetch_artifact,
    kudu_jar,
)

SETTINGS = """
<ivysettings>
  <settings defaultResolver="mirror"/>
  <caches defaultCacheDir="{cache}"/>
  <resolvers>
    <ibiblio name="mirror" m2compatible="true" root="{root}"/>
  </resolvers>
</ivysettings>
"""
POM = """
<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId>
<artifactId>tool</artifactId><version>1.0</version></project>
"""
TOOL = Artifact("org.example", "tool", "1.0", "linux-x86_64")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A mirror that has one artifact, of one classifier."""
    version = tmp_path / "mirror" / "org" / "example" / "tool" / "1.0"
    version.mkdir(parents=True)
    (version / "tool-1.0.pom").write_text(POM)
    (version / TOOL.file_name).write_bytes(b"a jar")
    settings = tmp_path / "ivysettings.xml"
    cache, root = tmp_path / "cache", (tmp_path / "mirror").as_uri()
    settings.write_text(SETTINGS.format(cache=cache, root=root))
    (tmp_path / "spark-defaults.conf").write_text(f"spark.jars.ivySettings {settings}\n")
    return {**os.environ, "SPARK_CONF_DIR": str(tmp_path)}


def test_an_artifact_is_fetched_once_and_whole(environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "jars"

    path = fetch_artifact(TOOL, folder, environ)

    assert path == folder / "tool-1.0-linux-x86_64.jar"
    assert path.read_bytes() == b"a jar"
    assert [*folder.iterdir()] == [path]
    # No Java is looked for where the file is there.
    assert fetch_artifact(TOOL, folder, {"JAVA_HOME": "/no/java"}) == path


def test_one_that_is_not_there_is_named_with_both_remedies(
    environ: dict[str, str], tmp_path: Path
) -> None:
    missing = Artifact("org.example", "nonesuch", "2")

    with pytest.raises(JarError) as caught:
        fetch_artifact(missing, tmp_path / "jars", environ)

    said = str(caught.value)
    assert said.startswith("org.example:nonesuch:2 could not be fetched (")
    assert "spark.jars.ivySettings" in said
    assert f"put nonesuch-2.jar into {tmp_path / 'jars'}" in said
    assert [*(tmp_path / "jars").iterdir()] == []


def test_the_jar_that_the_environment_names(tmp_path: Path) -> None:
    jar = tmp_path / "mine.jar"
    jar.touch()

    assert kudu_jar(tmp_path, {KUDU_JAR_VARIABLE: str(jar)}) == jar
    with pytest.raises(JarError, match=f"{KUDU_JAR_VARIABLE} is /no/such.jar"):
        kudu_jar(tmp_path, {KUDU_JAR_VARIABLE: "/no/such.jar"})


def test_the_jar_of_a_home(tmp_path: Path) -> None:
    there = tmp_path / ".orch" / "jars" / KUDU_SPARK.file_name
    there.parent.mkdir(parents=True)
    there.touch()

    assert kudu_jar(tmp_path, {}) == there
