"""Find the rows of sys_params that apply to a job: of each param_key, the narrowest key_name's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from orch_dagster.control.records import SysParam


class ParamsByKeyName:
    """Rows of sys_params by key_name, so that each of thousands of jobs finds its own at once.

    Args:
        rows: Any rows of one environment.
    """

    def __init__(self, rows: Iterable[SysParam]) -> None:
        self._rows: dict[str, list[SysParam]] = defaultdict(list)
        for row in rows:
            self._rows[row.key_name].append(row)

    def winning(self, key_names: Sequence[str]) -> list[SysParam]:
        """Return the row of each param_key whose key_name comes first, by param_key.

        Args:
            key_names: Those that apply, the narrowest first: job, group, ``*``.
        """
        winners: dict[str, SysParam] = {}
        for name in key_names:
            for row in self._rows.get(name, ()):
                winners.setdefault(row.param_key, row)
        return [winners[key] for key in sorted(winners)]

    def winning_of_type(self, key_names: Sequence[str], param_type: str) -> dict[str, str]:
        """Return param_key to param_value of the winning rows of one type."""
        return values_of_type(self.winning(key_names), param_type)


def winning_params(key_names: Sequence[str], rows: Iterable[SysParam]) -> list[SysParam]:
    """Return the rows that apply to one job, as ParamsByKeyName does for many.

    Args:
        key_names: Those that apply, the narrowest first.
        rows: Any rows of one environment.
    """
    return ParamsByKeyName(rows).winning(key_names)


def values_of_type(rows: Iterable[SysParam], param_type: str) -> dict[str, str]:
    """Return param_key to param_value of the rows of one type."""
    return {row.param_key: row.param_value or "" for row in rows if row.param_type == param_type}
