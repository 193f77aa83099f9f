"""Tell whether a job's own result has business keys, without Spark.

It looks for their names in the job's HQL, or in its source's schema: a group's other jobs have none
of them, and nothing is to be checked there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from orch_dagster.control.group import GroupKey
from orch_dagster.files import first_file
from orch_dagster.registry.jobs import JobSpec

# All columns of a view, whose names the text does not have.
_STAR = re.compile(r"(?:\bselect|\bdistinct|\ball|,|\.)\s*\*", re.IGNORECASE)


def has_business_keys(
    spec: JobSpec, by_group: Mapping[GroupKey, Sequence[str]], hql_path: Sequence[Path]
) -> bool:
    """Return whether the checks of keys can be computed for a job; True if that is unknown.

    Args:
        spec: The job.
        by_group: The names in business_keys of process_control, of each group that has some.
        hql_path: The folders of HQL files, in the order in which they are searched.
    """
    if not spec.has_sinks:
        return False
    own = spec.context.business_keys
    if own is not None:
        return bool(own)
    names = by_group.get(spec.group)
    if names is None:
        return False
    text = _columns_text(spec, hql_path)
    if text is None or not names or _STAR.search(text):
        return True
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def _columns_text(spec: JobSpec, hql_path: Sequence[Path]) -> str | None:
    """Return the text that names the columns of the result, or None if none does."""
    hql = spec.context.hql
    if not hql:
        return spec.context.sources[0].schema if spec.context.sources else None
    try:
        file = first_file(hql_path, hql)
        return file.read_text(encoding="utf-8-sig") if file else None
    except (OSError, ValueError):
        # Its runs fail, and say why.
        return None
