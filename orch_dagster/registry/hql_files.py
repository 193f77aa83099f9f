"""Find the jobs whose HQL file a run would refuse, without Spark.

Such a job is not quarantined: its file may come later, and until then its runs say what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from orch_dagster.control.records import JobMaster
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.files import first_file
from orch_dagster.registry.context_params import ContextParamsError, parse_context_params
from orch_dagster.registry.jobs import Finding, JobSpec


def hql_findings(specs: Iterable[JobSpec], hql_path: Sequence[Path]) -> Iterator[Finding]:
    """Yield a finding for each job whose HQL file is missing, unreadable or blank."""
    return _findings(((spec.job_id, spec.context.hql) for spec in specs), hql_path)


def hql_findings_of_rows(
    masters: Iterable[JobMaster], hql_path: Sequence[Path]
) -> Iterator[Finding]:
    """Yield the same for rows of job_master; skip those whose context_params have faults."""
    return _findings(((row.job_id, _hql_of(row)) for row in masters), hql_path)


def _hql_of(row: JobMaster) -> str | None:
    try:
        return parse_context_params(row.context_params, row.job_name or "").hql
    except ContextParamsError:
        return None


def _findings(
    jobs: Iterable[tuple[str, str | None]], hql_path: Sequence[Path]
) -> Iterator[Finding]:
    @cache
    def fault(hql: str) -> str | None:
        return _fault(hql_path, hql)

    folders = ", then ".join(map(str, hql_path))
    for job_id, hql in jobs:
        if hql and (reason := fault(hql)):
            yield Finding(
                JOB_MASTER.name,
                f"job_id={job_id}",
                f"context_params: hql: {hql} {reason}; it is looked for in ORCH_HQL_DIR={folders}",
                job_id,
                place="context_params.hql",
            )


def _fault(hql_path: Sequence[Path], hql: str) -> str | None:
    file = hql_path[0] / hql
    try:
        file = first_file(hql_path, hql) or file
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return f"is not a file: {file}"
    except UnicodeDecodeError as error:
        return f"is not text in UTF-8 ({error.reason} at byte {error.start}): {file}"
    except OSError as error:
        return f"can't be read ({error.strerror}): {file}"
    except ValueError:
        return "holds a NUL, which no name of a file has"
    return None if text.strip() else f"holds no statement: {file}"
