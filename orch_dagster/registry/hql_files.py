"""Find the jobs whose HQL file a run would refuse, without Spark.

Such a job is named when the location loads, and not quarantined: its file may come later, and until
then its runs fail and say what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from framework.contract.native_paths import portable
from framework.hql_text import form_fault, relations
from orch_dagster.control.records import JobMaster
from orch_dagster.files import first_file
from orch_dagster.registry.context_params import ContextParamsError, parse_context_params
from orch_dagster.registry.finding import Finding, context_finding
from orch_dagster.registry.jobs import JobSpec

# The script of jobs without Python of their own, which could register further views.
_PLAIN_SCRIPT = "landing.py"
_VIEW = re.compile(r"\brow(\d+)\b", re.IGNORECASE | re.ASCII)


def hql_findings(specs: Iterable[JobSpec], hql_path: Sequence[Path]) -> Iterator[Finding]:
    """Yield a finding for each job whose HQL file is missing, unreadable, without a statement or
    not closed, and for each source that it reads and the job does not have.
    """
    # Of so many, as a job's children often share its file, and no more than a few texts are held.
    read = lru_cache(maxsize=64)(_read)
    folders = ", then ".join(map(str, hql_path))
    for spec in specs:
        hql, count = spec.hql, spec.source_count
        if not hql:
            continue
        text, fault = read(tuple(hql_path), hql)
        if fault:
            reason = f"hql: {hql}{fault}; it is looked for in ORCH_HQL_DIR={folders}"
            yield context_finding(spec.job_id, reason)
        for view, line in _views_without_source(text, count):
            is_plain = PurePosixPath(portable(spec.script_path)).name == _PLAIN_SCRIPT
            remedy = (
                "name a table of that name with its database"
                if is_plain
                else (f"right only if {spec.script_path} makes that view")
            )
            reason = f"hql: {hql}:{line} reads {view}, and the job has {_counted(count)}; {remedy}"
            yield context_finding(spec.job_id, reason, is_warning=not is_plain)


def hql_findings_of_rows(
    masters: Iterable[JobMaster], hql_path: Sequence[Path]
) -> Iterator[Finding]:
    """Yield the same for rows of job_master; skip those whose context_params have faults."""
    return hql_findings((spec for row in masters if (spec := spec_of_row(row))), hql_path)


def spec_of_row(row: JobMaster) -> JobSpec | None:
    """Return the job of a row whose context_params have no faults, without its parents."""
    name = row.job_name or ""
    try:
        context = parse_context_params(row.context_params, name)
    except ContextParamsError:
        return None
    return JobSpec(row.job_id, name, context, row.script_path or "")


def _read(hql_path: Sequence[Path], hql: str) -> tuple[str, str | None]:
    """Return the text of a file, and what is wrong with it, as it follows the file's name."""
    file = hql_path[0] / hql
    try:
        file = first_file(hql_path, hql) or file
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return "", f" is not a file: {file}"
    except UnicodeDecodeError as error:
        return "", f" is not text in UTF-8 ({error.reason} at byte {error.start}): {file}"
    except OSError as error:
        return "", f" can't be read ({error.strerror}): {file}"
    except ValueError:
        return "", " holds a NUL, which no name of a file has"
    line, fault = form_fault(text) or (None, None)
    where = f":{line}" if line else ""
    return text, f"{where} {fault}: {file}" if fault else None


def _views_without_source(text: str, count: int) -> Iterator[tuple[str, int]]:
    """Yield each view rowN, with its line, that a text reads and no source becomes."""
    # Nearly all texts read those that are there, and need no closer look.
    if all(_is_source(number, count) for number in _VIEW.findall(text)):
        return
    for name, line in relations(text).items():
        view = _VIEW.fullmatch(name)
        if view and not _is_source(view[1], count):
            yield name, line


def _is_source(number: str, count: int) -> bool:
    return len(number) < 6 and number == str(int(number)) and 0 < int(number) <= count


def _counted(count: int) -> str:
    return "one source, row1" if count == 1 else f"{count} sources, row1 to row{count}"
