"""Find the rows of sys_params whose key_name names nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orch_dagster.control.tables import Row
from orch_dagster.registry.prune import group_of
from orch_dagster.registry.similar_names import did_you_mean

# To look for similar ones takes a second for a few hundred rows and a thousand jobs.
_MOST_HINTS = 20


class KnownKeyNames:
    """The names that key_name of sys_params can have: `*`, the groups and the jobs.

    Args:
        masters: The rows of job_master.
    """

    def __init__(self, masters: Iterable[Row]) -> None:
        rows = list(masters)
        groups = (name for row in rows if (name := group_of(row)))
        self.names = frozenset({"*", *groups, *(str(row.get("job_name")) for row in rows)})
        self._hints_left = _MOST_HINTS

    def fault(self, row: Row) -> str | None:
        """Return why a row of sys_params has no effect, None if its key_name is one of the names.

        Only the first rows are told the similar names.
        """
        name = row["key_name"]
        if name in self.names:
            return None
        text = f"key_name {name} is neither a job_name, a group nor *, so the row has no effect"
        if not self._hints_left:
            return text
        self._hints_left -= 1
        hint = did_you_mean(str(name).strip(), self.names)
        return f"{text}; {hint}" if hint else text
