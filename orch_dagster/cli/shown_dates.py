"""Show dates that a command opened or closed as partitions in Dagster, at once."""

from __future__ import annotations

import os
from collections.abc import Collection

from orch_dagster.cli.instance import has_instance, opened_instance
from orch_dagster.cli.output import say
from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore
from orch_dagster.settings import Settings


def show_open_dates(settings: Settings, store: ControlStore, groups: Collection[GroupKey]) -> None:
    """Bring the partitions of the groups in step with process_control.

    The rows are written already: an instance that can't be written is only warned of, and one that
    does not exist yet is left so, as its sensor and its runs will show the dates.
    """
    if not groups or not has_instance(settings):
        return
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    from orch_dagster.defs import open_partitions

    try:
        with opened_instance(settings) as instance:
            open_partitions.show_open_dates(instance, store, groups)
    except (SQLAlchemyError, OSError, dg.DagsterError) as error:
        say(
            f"warning: Dagster does not show these dates yet, as its instance "
            f"{os.environ['DAGSTER_HOME']} can't be written ({error}); the sensor open_dates of "
            f"`dagster dev` shows them",
            err=True,
        )
