"""orch new: make a project of one's own."""

from __future__ import annotations

import os
from pathlib import Path

import click

from orch_dagster.cli.output import say
from orch_dagster.cli.setup import name_accelerate, set_up
from orch_dagster.files import real_path
from orch_dagster.home import DAGSTER_HOME, HOME
from orch_dagster.project.write import write_project
from orch_dagster.settings import load_settings
from orch_dagster.toolchain.folder_check import check_folders
from orch_dagster.toolchain.shell_words import unset_text


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def new(folder: Path) -> None:
    """Make a project in FOLDER: folders for jobs, HQL, rows and tests, and its control store.

    `orch` and Dagster's own commands work there without an option. Refused if a file that it
    writes is there already.
    """
    home = real_path(folder)
    others = {name: os.environ.pop(name, "") for name in (HOME, DAGSTER_HOME)}
    os.environ[HOME] = str(home)
    check_folders(load_settings())
    for path in write_project(home):
        say(str(path.relative_to(home)))
    # Again, as the folders of jobs and HQL are there now.
    settings = load_settings()
    set_up(settings, with_sample=False)
    name_accelerate(settings)
    for name, value in others.items():
        if value and Path(value) not in (home, settings.dagster_home):
            say(
                f"warning: {name} is set to {value}, which commands in {home} would use: "
                f"{unset_text(name)} to work with this project",
                err=True,
            )
    say(f'Next: cd "{folder}", and there orch demo')
