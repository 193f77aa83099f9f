"""Reference pages name all that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

import click
import pytest

import framework
import framework.errors
from framework.contract.formats import FORMATS
from framework.contract.spark_defaults import SPARK_DEFAULTS
from framework.contract.system_settings import SYSTEM_SETTINGS
from orch_dagster.cli.main import main
from orch_dagster.registry.context_params import BadRecords, ContextParams, Sink, Source
from orch_dagster.settings import REPOSITORY, Settings

DOCS = REPOSITORY / "docs"


def test_every_command_and_option_is_named() -> None:
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    missing = [word for word in words_of(main, "orch") if not is_named(word, text)]
    assert missing == []


def test_every_import_of_scripts_is_named() -> None:
    text = (DOCS / "reference" / "job-scripts.md").read_text(encoding="utf-8")
    assert [name for name in framework.__all__ if not is_named(name, text)] == []


@pytest.mark.parametrize("model", [ContextParams, Source, Sink, BadRecords])
def test_every_key_of_context_params_is_named(model: type[ContextParams]) -> None:
    text = (DOCS / "reference" / "context-params.md").read_text(encoding="utf-8")
    keys = [field.name for field in fields(model)]
    assert [key for key in keys if not is_named(key, text)] == []


def test_every_error_of_scripts_is_named() -> None:
    text = (DOCS / "reference" / "job-scripts.md").read_text(encoding="utf-8")
    names = [
        name
        for name, each in vars(framework.errors).items()
        if isinstance(each, type) and issubclass(each, framework.FrameworkError)
    ]
    assert [name for name in names if not is_named(name, text)] == []


def test_every_format_is_told_with_its_traits() -> None:
    """On a failure the table wanted is in the message."""
    rows = [
        "| format | sink | checks and drift | bad_records | null_tokens |",
        "|---|---|---|---|---|",
    ]
    for each in FORMATS:
        sink = ("staged" if each.is_staged else "appended") if each.is_writable else "no"
        traits = (each.tells_columns, each.has_bad_records, each.has_null_tokens)
        rows.append(f"| {each.name} | {sink} | {' | '.join('yes' if t else '' for t in traits)} |")
    table = "\n".join(rows)
    text = (DOCS / "reference" / "context-params.md").read_text(encoding="utf-8")
    assert table in text, table


def test_the_reference_has_every_default_of_spark_as_it_is_declared() -> None:
    """On a failure the table wanted is in the message."""
    rows = ["| property | default | masters | effect |", "|---|---|---|---|"]
    for each in SPARK_DEFAULTS:
        rows.append(f"| `{each.name}` | `{each.value}` | {each.masters_text} | {each.text} |")
    table = "\n".join(rows)
    assert table in (DOCS / "reference" / "spark-defaults.md").read_text(encoding="utf-8"), table


def test_the_reference_has_every_setting_as_it_is_declared() -> None:
    """On a failure the table wanted is in the message."""
    rows = ["| variable | meaning | default |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        is_said = isinstance(field.default, str | int | float) and field.default != ""
        default = f"`{field.default}`" if is_said else ""
        rows.append(f"| ORCH_{name.upper()} | {field.description} | {default} |")
    table = "\n".join(rows)
    assert table in (DOCS / "reference" / "settings.md").read_text(encoding="utf-8"), table


def test_the_tree_has_every_package_and_no_other() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    shown = set(folders_of(text[text.index("```\njobs/") :].split("```")[1]))
    packages = {
        f"{file.parent.relative_to(REPOSITORY).as_posix()}/"
        for root in ("orch_dagster", "jobs/framework")
        for file in (REPOSITORY / root).rglob("*.py")
    }
    assert shown - {"jobs/"} == packages


def is_named(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def words_of(command: click.Command, name: str) -> Iterator[str]:
    """Yield the name of a command and its options, and those of the commands below it."""
    yield name.removeprefix("orch kudu ").removeprefix("orch cluster ")
    for param in command.params:
        if isinstance(param, click.Option):
            yield max(param.opts, key=len)
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for each in command.list_commands(ctx):
            below = command.get_command(ctx, each)
            assert below is not None
            yield from words_of(below, f"{name} {each}")


def folders_of(tree: str) -> Iterator[str]:
    """Yield the folders of the tree by their paths; two more spaces are one level deeper."""
    above: list[str] = []
    for line in tree.strip().splitlines():
        match = re.match(r"( *)(\w+/)(?=\s{2}|$)", line)
        # The last line has the folders that are no packages.
        if match is None or line.startswith("hql/"):
            continue
        del above[len(match[1]) // 2 :]
        above.append(match[2])
        yield "".join(above)


def test_a_tree_is_read() -> None:
    tree = "a/\n  b/     one\n    c/   two words\n  d.py  e.py\n  f/\nhql/  docs/\n"
    assert list(folders_of(tree)) == ["a/", "a/b/", "a/b/c/", "a/f/"]


def test_the_reference_has_every_setting_of_sys_params_as_it_is_declared() -> None:
    """On a failure the table wanted is in the message."""
    rows = ["| param_key | meaning | default | read |", "|---|---|---|---|"]
    for key, setting in SYSTEM_SETTINGS.items():
        default = setting.default
        shown = default if not default or default.startswith("ORCH_") else f"`{default}`"
        rows.append(f"| `{key}` | {setting.text} | {shown} | {setting.read} |")
    table = "\n".join(rows)
    page = DOCS / "reference" / "system-settings.md"
    assert table in page.read_text(encoding="utf-8"), table


@pytest.mark.parametrize("key", SYSTEM_SETTINGS)
def test_how_to_pages_say_a_setting_in_the_same_words(key: str) -> None:
    pages = [*(DOCS / "how-to").iterdir(), DOCS / "cluster.md", DOCS / "performance.md"]
    row = f"| `{key}` | {SYSTEM_SETTINGS[key].text} |"
    assert [page for page in pages if row in page.read_text(encoding="utf-8")], row
