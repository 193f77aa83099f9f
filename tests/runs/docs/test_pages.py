"""README and docs: each command works as it is written, in a project that the wheel made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.settings import REPOSITORY
from tests.commands import commands_of, files_of
from tests.homes import Home
from tests.wheel_project import built_wheel, installed, project_in

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
# In the order in which a reader meets them: the pages share their files and what they land.
PAGES = (
    "tutorial.md",
    "how-to/write-a-script.md",
    "how-to/many-dates.md",
    "how-to/schedules.md",
    "operations.md",
)
# Others that have commands, and the tests that give them.
PAGES_OF_OTHER_TESTS = {"kudu.md": "test_kudu_example.py", "testing.md": "test_testing_page.py"}


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a user whose environment has nothing but the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    return installed(built_wheel(folder), folder / "env")


@pytest.fixture
def project(environ: dict[str, str], tmp_path: Path) -> Home:
    return project_in(tmp_path / "my landing", environ)


@pytest.mark.spark
@pytest.mark.timeout(900)
def test_readme(project: Home) -> None:
    # What `orch demo` does before it lands.
    project.orch("init", "--sample")
    commands = commands_of(README, after="## How to")
    assert len(commands) > 8
    for command in commands:
        project.line(command)
    statuses = [row["status"] for row in project.json("log")]
    assert statuses == ["Completed"] * 5


@pytest.mark.spark
@pytest.mark.timeout(900)
def test_the_pages_from_the_tutorial_on(project: Home, spark: SparkSession) -> None:
    for page in PAGES:
        for name, content in files_of(DOCS / page).items():
            file = project.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        for command in commands_of(DOCS / page):
            project.line(command)
    landed = spark.read.orc(str(project.folder / "out" / "acme_customer"))
    text = landed.select([landed[name].cast("string") for name in landed.columns])
    assert sorted(tuple(row) for row in text.collect()) == [
        ("7", "Ada", "1843-10-01", "2024-05-15"),
        ("8", "Grace", "1944-07-02", "2024-05-15"),
    ]
    decades = spark.read.parquet(str(project.folder / "out" / "acme_decades" / "2024-05-15"))
    assert sorted(tuple(row) for row in decades.collect()) == [(1840, 1), (1940, 1)]
    assert "wrote 2 decades" in "".join(
        file.read_text(encoding="utf-8") for file in (project.folder / "logs").iterdir()
    )


def test_every_page_with_commands_is_run() -> None:
    with_commands = {
        str(page.relative_to(DOCS).as_posix()) for page in DOCS.rglob("*.md") if commands_of(page)
    }
    assert with_commands == {*PAGES, *PAGES_OF_OTHER_TESTS}
