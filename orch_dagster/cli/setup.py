"""Commands that set up a home and its sample: init, sample."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from orch_dagster.cli.accelerate import build_beside
from orch_dagster.cli.asked_dates import AskedDates, dates_options, group_words, known_group
from orch_dagster.cli.env_file import write_env_file
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.output import say
from orch_dagster.cli.shown_dates import show_open_dates
from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.tables import PROCESS_CONTROL, TABLE_BY_NAME
from orch_dagster.files import write_atomically
from orch_dagster.sample import rows as sample_rows
from orch_dagster.sample.sources import extract_writer, sample_of_group
from orch_dagster.settings import Settings, load_settings
from orch_dagster.shipped import SHIPPED
from orch_dagster.toolchain.class_data import archive_folder
from orch_dagster.toolchain.folder_check import check_folders

_CONFIG = "dagster.yaml"
# The sample's contracts run for decades before and after a date.
_FIRST_EXTRACT, _LAST_EXTRACT = date(1970, 1, 1), date(2099, 12, 31)


@click.command()
@click.option("--sample", "with_sample", is_flag=True, help="Add JOB_1001 and its extract.")
@click.option(
    "--accelerate/--no-accelerate",
    "is_accelerated",
    default=lambda: sys.stdout.isatty(),
    help="Build an archive of Spark's classes in the background (at a terminal: yes).",
)
def init(with_sample: bool, is_accelerated: bool) -> None:
    """Create the five control tables, or add their missing columns; drop nothing."""
    settings = load_settings()
    set_up(settings, with_sample=with_sample)
    if is_accelerated:
        build_beside(settings)
    else:
        name_accelerate(settings)


def name_accelerate(settings: Settings) -> None:
    """Say that jobs start in less time after `orch accelerate`, unless the home has an archive."""
    if not archive_folder(settings.state_dir).is_dir():
        say("Jobs start in less time after `orch accelerate` (an archive of about 140 MB)")


def set_up(settings: Settings, *, with_sample: bool) -> None:
    """Create the tables, Dagster's instance and .env, and with the sample its rows and extract.

    Repeating it is safe.

    Raises:
        SettingsError: If no job could run in the home; nothing is created.
    """
    check_folders(settings)
    with opened_store(settings) as store:
        changes = store.ensure_tables()
        say(f"Control store {store.shown}")
        for sentence in changes or ["all five tables are there"]:
            say(f"  {sentence}")
        if with_sample:
            for name, rows in sample_rows.sample_rows().items():
                store.insert_ignore(TABLE_BY_NAME[name], rows)
            say(f"  sample rows of {sample_rows.JOB_ID} are there")
    _set_up_dagster(settings)
    with opened_store(settings) as store:
        rows = store.read(PROCESS_CONTROL, columns=["entity", "source_system"])
        groups = {GroupKey(str(row["entity"]), str(row["source_system"])) for row in rows}
        show_open_dates(settings, store, groups)
    if with_sample:
        biz_dt = sample_rows.BIZ_DT
        group = sample_rows.ENTITY, sample_rows.SOURCE_SYSTEM
        for path in _write(settings, *group, [biz_dt]):
            say(f"  extract {path}")


def _set_up_dagster(settings: Settings) -> None:
    """Create Dagster's instance under ORCH_HOME, and the .env that names it to Dagster."""
    config, own = settings.dagster_home / _CONFIG, settings.home / _CONFIG
    text = (own if own.is_file() else SHIPPED / _CONFIG).read_text(encoding="utf-8")
    if not config.is_file():
        write_atomically(config, text)
    elif own.is_file() and text != config.read_text(encoding="utf-8"):
        say(f"Dagster reads {config}, which differs from {own}: delete it to have it copied again")
    # Opening creates Dagster's tables, which concurrent first runs would fail to create.
    with opened_instance(settings) as instance, opened_store(settings) as store:
        from orch_dagster.defs.instance_owner import claim_instance

        claim_instance(instance, store.address)
    write_env_file(settings)


@click.command()
@group_words
@dates_options
def sample(words: tuple[str, ...], **dates: Any) -> None:
    """Write sample extracts of GROUP, each a change of the day before."""
    asked = AskedDates.of(words, **dates)
    settings = load_settings()
    days = [date.fromisoformat(day) for day in asked.days]
    if not _FIRST_EXTRACT <= days[0] <= days[-1] <= _LAST_EXTRACT:
        raise click.BadParameter(f"sample extracts exist for {_FIRST_EXTRACT} to {_LAST_EXTRACT}")
    # A sample is there before its group has jobs.
    pair = asked.pair or sample_of_group(asked.name)
    if pair is None:
        with opened_store(settings) as store:
            pair = known_group(store, asked.name)
    entity, source_system = pair
    for path in _write(settings, entity.upper(), source_system.upper(), days):
        say(str(path))


def _write(settings: Settings, entity: str, source_system: str, days: Sequence[date]) -> list[Path]:
    if "://" in settings.base_dir:
        raise click.ClickException(
            f"sample extracts are written to a local folder, but ORCH_DATA_ROOT is "
            f"{settings.base_dir}: write them to a folder and copy them there"
        )
    write = extract_writer(entity, source_system)
    return [path for day in days for path in write(Path(settings.base_dir), day)]
