"""The folder of an instance, and of the one that this process was started for, unopened.

Missing: a public way for a code location to learn which instance loads it. Buys: a location on a
temporary instance says so as it loads. Can go when a location is given its instance.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from dagster import DagsterError, DagsterInstance
from dagster._core.instance import InstanceRef
from dagster_shared.serdes import deserialize_value

_OPTION = "--instance-ref"

# A copy of TMP_DAGSTER_HOME_PREFIX in dagster._cli.utils, whose import takes 0.2 s.
TEMPORARY_PREFIX = ".tmp_dagster_home_"
"""The beginning of the name of a temporary instance's folder."""


def folder_of(instance: DagsterInstance) -> str | None:
    """Return an instance's folder, None for one in memory, as tests have it."""
    return None if instance.is_ephemeral else instance.root_directory


def instance_folder(environ: Mapping[str, str], argv: Sequence[str] = sys.argv) -> str | None:
    """Return the instance's folder: that of a server's option, else DAGSTER_HOME, else None."""
    if _OPTION in argv[:-1]:
        try:
            ref = deserialize_value(argv[argv.index(_OPTION) + 1], InstanceRef)
        except DagsterError:
            return environ.get("DAGSTER_HOME") or None
        return str(ref.local_artifact_storage_data.config_dict["base_dir"])
    return environ.get("DAGSTER_HOME") or None
