"""Tell whether a job's own result has business keys, without Spark.

It looks for their names in the job's HQL, or in its source's schema: a group's other jobs have none
of them, and nothing is to be checked there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from orch_dagster.control.group import GroupKey
from orch_dagster.registry.jobs import JobSpec

# All columns of a view, whose names the text does not have.
_STAR = re.compile(r"(?:\bselect|\bdistinct|\ball|,|\.)\s*\*", re.IGNORECASE)


def has_business_keys(
    spec: JobSpec, by_group: Mapping[GroupKey, Sequence[str]], hql_text: str | None
) -> bool:
    """Return whether the checks of keys can be computed for a job; True if that is unknown.

    Args:
        spec: The job.
        by_group: The names in business_keys of process_control, of each group that has some.
        hql_text: The text of its HQL file; None if it has none, or none that can be read.
    """
    if not spec.has_sinks:
        return False
    own = spec.context.business_keys
    if own is not None:
        return bool(own)
    names = by_group.get(spec.group)
    if names is None:
        return False
    text = hql_text if spec.context.hql else _schema(spec)
    if text is None or not names or _STAR.search(text):
        return True
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def _schema(spec: JobSpec) -> str | None:
    """Return the schema of the source that is landed as it is, or None if it gives none."""
    return spec.context.sources[0].schema if spec.context.sources else None
