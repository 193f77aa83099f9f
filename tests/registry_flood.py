"""Generated files and rows of a registry, and what apply and a run's plan make of each."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from framework.contract.paths import as_location
from framework.contract.system_settings import SYSTEM_SETTINGS
from framework.errors import HqlError, ParamsError
from framework.params_loader import parse_params
from framework.plan import plan_landing
from orch_dagster.bundle.bundle import BundleRequest, BundleRows, assemble, write_bundle
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.bundle.retries import retries_of
from orch_dagster.control.records import JobDependency, JobMaster, ProcessControl, SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLE_BY_NAME,
    Row,
    Table,
    check_rows,
)
from orch_dagster.errors import OrchError
from orch_dagster.registry import apply
from orch_dagster.registry.apply import ApplyError, CheckedPlan, plan_files
from orch_dagster.registry.context_params import context_warnings
from orch_dagster.registry.jobs import JobSpec, build_registry, script_check
from orch_dagster.registry.row_files import FileRow, RowFiles, read_files
from orch_dagster.registry.touched import touched_jobs
from orch_dagster.schedule.settings import setting_error, tick_params
from orch_dagster.settings import Settings, load_settings
from orch_dagster.spark.command import build_command
from orch_dagster.spark.submit_request import SubmitRequest

Rows = dict[str, list[Row]]

HANG_S = 5.0
DAY = "2024-05-15"
NAME = "etl_lnd_gels_fpms_t_contract"
HQL = "flood.hql"
_NOW = datetime(2024, 5, 16, tzinfo=timezone.utc)

TEXTS = (
    "", " ", "\t", "\n", "x", "x" * 190, "x" * 260, "x" * 5_000, "x" * 70_000, "é" * 300, "a\0b",
    "\ud800", "\N{GRINNING FACE}", "a\nb", "\u2028", "\x1b[31m", ":key:", "../x", "a/../b",
    "/etc/passwd", "C:x", "\\\\host\\x", ".", "..", "a//b", "a b", "%2F", "#", "*", "a[1]", "a,b",
    "{", "}", "{}", "{biz_dt}", "{biz_dt:%j}", "{biz_dt:%Y%m%d}", "{biz_dt!r}", "{x}", "{{biz_dt}}",
    "{start_dt}", "null", "~", "0", "-1", "1.5", "1e999", "9" * 30, "true", "False", "yes", DAY,
    "0204-05-15",
    "1899-12-31", "2200-12-31", "2201-01-01", "2024-02-30", "9999-12-31", "0000-00-00", "env:",
    "env:X Y", "env:HOME", "file:", "file:/dev/zero", "file:/etc/passwd", "context", "class",
    "__init__", "a-b", "etl_lnd_a_b_c", "gels_fpms", "[" * 5_000, '{"a":' * 3_000, "'; DROP", "--",
    "javascript:x", "hdfs://nn/x", "s3a://", "file:///x", "0 2 * * *", "* * * * * *", "Asia/Tokyo",
    "sun-thu", "sun-xyz", "spark", "SPARK", "secret", "systm", "DEV", "NOWHERE", "csv", "orc",
    "jdbc", "landing.py", "nothing.py", "flood.hql", "biz_dt", "a INT", "a INT,",
    "rows", "1" * 4_400,
)  # fmt: skip
# What a row may well have, in its place or in another's.
PLAUSIBLE: tuple[Any, ...] = (
    "csv", "orc", "parquet", "json", "jdbc", "kudu", "in/*.csv", "in/{biz_dt}/a.csv", "b/{biz_dt}",
    "c/{biz_dt:%Y%m%d}", "d/{biz_dt:%Y/%m/%d}", "out/t_contract", "e/{end_dt}", "/abs/{biz_dt}",
    "id INT, name STRING", ["biz_dt"], ["biz_dt", "id"], [], {}, {"header": True}, {"limit": 3},
    {"header": True, "dbtable": "t", "url": "jdbc:x:y"}, {"multiLine": "true"}, "overwrite",
    "append", "by_name", "by_place", ["", "NA"], 1, 0.5, True, False, "GELS", "gels", "ACME",
    {"format": "json", "path": "in/{biz_dt}.json"}, {"format": "orc", "path": "f/{biz_dt}"}, None,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**63, 2**70, 10**30, 1.5, float("nan"), float("inf"), [], {},
    [None], [[]], {"a": 1}, {"": ""}, ["a", 1], [{}], {"a": {"b": [{"c": None}]}}, b"x", date.min,
)  # fmt: skip
PIECES = (
    "? !!binary\n", "!!bool maybe", "!!binary aGVsbG8=", "!!set {a}", "!!omap [{a: b}]", "!!int x",
    "!!pairs [a]", "!!timestamp x", "!!python/object:os.system x", "&a ", "*a", "*b", "<<: *a\n",
    "- ", "\n- ", ": ", "\n", "\t", "{", "}", "[", "]", "[" * 2_000, "{a: " * 2_000, "? ", "| \n",
    ">\n", "%YAML 9\n", "---\n", "...\n", "#", "!x ", "!<", "'", '"', "\\", "\\ud83d", "\x00",
    "\x07", "\x85", "\ufeff", "\ud800", "job_master:\n", "sys_params: []\n", "nothing: []\n", "=",
    "0x", "0o9", "1:2:3", "1" * 5_000, ".inf", "2024-05-15T01:02:03Z", "~", "é",
    "\N{GRINNING FACE}", "x" * 5_000, "&a [*a]", "&a {<<: *a}", "@", "`", ", ", "=: 1\n",
    "!!null x", "!!str [x]", "!!float 1:",
)  # fmt: skip
COLUMNS = ("job_id", "param_value", "context_params", "", "x", "Job_id", "biz_dt", "a.b", "a[0]")
_SPARK_KEYS = (
    "spark.executor.memory", "spark.master", "spark.app.name", "spark.submit.deployMode",
    "spark.yarn.tags", "spark.jars", "spark.files", "spark.submit.pyFiles", "spark.redaction.regex",
    "spark.driver.extraJavaOptions", "spark.executorEnv.PYTHONPATH", "spark.yarn.appMasterEnv.X",
    "spark.sql.session.timeZone", "spark.kubernetes.x", "spark.yarn.maxAppAttempts", "spark.",
    "spark",
)  # fmt: skip


def base_rows() -> Rows:
    """Rows of a registry that a run takes."""
    source = {"format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True}}
    context = {
        "entity": "GELS",
        "source_system": "FPMS",
        "sources": [{**source, "schema": "id INT", "bad_records": {"limit": 1}}],
        "hql": HQL,
        "sinks": [{"format": "orc", "path": "out/t_contract", "partition_cols": ["biz_dt"]}],
        "timeout_minutes": 5,
        "allow_empty": True,
    }
    plain = json.dumps({"sources": [source], "sinks": [{"format": "orc", "path": "b/{biz_dt}"}]})
    child = "etl_lnd_gels_fpms_t_child"
    param = {"environment": "DEV", "key_name": "*"}
    return {
        JOB_MASTER.name: [
            {"job_id": "J1", "job_name": NAME, "script_path": "landing.py",
             "context_params": json.dumps(context), "comments": "first"},
            {"job_id": "J2", "job_name": child, "script_path": "landing.py",
             "context_params": plain},
        ],
        JOB_DEPENDENCY.name: [
            {"dependent_job_id": "J2", "dependent_job_name": child, "parent_job_id": "J1",
             "parent_job_name": NAME, "dependency_level": 1},
        ],
        SYS_PARAMS.name: [
            {**param, "param_key": "retry.max", "param_value": "2", "param_type": "system"},
            {**param, "param_key": "spark.executor.memory", "param_value": "1g",
             "param_type": "spark"},
        ],
        PROCESS_CONTROL.name: [
            {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAY, "start_dt": "2024-05-14",
             "end_dt": DAY},
        ],
    }  # fmt: skip


class NoRows:
    """A store without rows, since reading one takes longer than all the rest."""

    address = "sqlite:///none.db"

    def read(self, *_: object, **__: object) -> list[Row]:
        """Return no rows."""
        return []


@dataclass
class Tally:
    """What became of the inputs; the lists have an input each, by its number and seed.

    Attributes:
        counts: Inputs by kind and end.
        tracebacks: What raised anything but a refusal.
        hangs: What took more than HANG_S.
        refused_later: What apply accepted and the plan of a run refused.
    """

    counts: Counter[str] = field(default_factory=Counter[str])
    tracebacks: list[str] = field(default_factory=list[str])
    hangs: list[str] = field(default_factory=list[str])
    refused_later: list[str] = field(default_factory=list[str])
    slowest_s: float = 0.0

    def check(self) -> None:
        """Print the numbers, and allow no traceback, no hang and no late refusal."""
        print(self.table())  # noqa: T201
        for found in (self.tracebacks, self.hangs, self.refused_later):
            assert not found, "\n".join(found[:20])

    def table(self) -> str:
        """Return the numbers, as docs/reliability.md has them."""
        inputs = sum(self.counts.values())
        return (
            f"registry flood: {inputs:,} inputs "
            f"({', '.join(f'{kind} {count:,}' for kind, count in sorted(self.counts.items()))}); "
            f"tracebacks {len(self.tracebacks)}, over {HANG_S:g} s {len(self.hangs)} "
            f"(slowest {self.slowest_s:.2f} s), accepted by apply and refused by the plan "
            f"{len(self.refused_later)}"
        )


@dataclass
class Flood:
    """Generates inputs and gives them to apply, then what it accepts to the plan of a run.

    Attributes:
        settings: Those of a home of its own that has the file HQL, whose folder JOB_SQL_DIR names.
        folder: Where files are written.
    """

    settings: Settings
    folder: Path
    tally: Tally = field(default_factory=Tally)

    def files(self, count: int, seed: int) -> None:
        """Give files of broken YAML."""
        # A job, as a row takes a millisecond to read.
        first = {name: rows[:1] for name, rows in base_rows().items() if name != "job_dependency"}
        text = yaml.safe_dump(first, sort_keys=False, width=200)
        file = self.folder / "flood.yaml"
        for number in range(count):
            dice = random.Random(f"file {seed} {number}")
            broken = _broken(text, dice)
            file.write_bytes(broken.encode("utf-8", "surrogatepass"))
            self.give("files", f"file {seed} {number}", lambda: read_files([file]))

    def rows(self, count: int, seed: int) -> None:
        """Give rows with odd cells, as they are once read."""
        for number in range(count):
            label = f"rows {seed} {number}"
            self.give_rows(label, _odd(base_rows(), random.Random(label)))

    def give_rows(self, label: str, rows: Rows) -> None:
        """Give these rows."""
        row_files = RowFiles()
        for name, each in rows.items():
            row_files.tables[name] = [FileRow(row, self.folder / "rows", _NODE) for row in each]
        self.give("rows", label, lambda: row_files)

    def give(self, kind: str, label: str, read: Callable[[], RowFiles]) -> None:
        """Give what is read to apply, and what apply accepts to the plan of a run."""
        started = time.process_time()
        end = "refused"
        try:
            checked = self._planned(read)
            end = "accepted"
            for fault in self._refusals(checked):
                self.tally.refused_later.append(f"{label}: {fault[:500]}")
        except ApplyError as error:
            assert error.problems
            assert len(str(error)) < 2_500 * len(error.problems) + 100
        # Whatever it is, it is what the flood looks for.
        except Exception as error:  # noqa: BLE001
            self.tally.tracebacks.append(f"{label}: {type(error).__name__}: {str(error)[:300]}")
            end = "traceback"
        took_s = time.process_time() - started
        self.tally.counts[f"{kind} {end}"] += 1
        self.tally.slowest_s = max(self.tally.slowest_s, took_s)
        if took_s > HANG_S:
            self.tally.hangs.append(f"{label}: {took_s:.1f} s")

    def _planned(self, read: Callable[[], RowFiles]) -> CheckedPlan:
        row_files = read()
        original = apply.read_files
        apply.read_files = lambda _: row_files
        try:
            store = cast(ControlStore, NoRows())
            return plan_files([], store, self.settings, self._setting_error)
        finally:
            apply.read_files = original

    def _setting_error(self, key: str, value: str | None) -> str | None:
        return setting_error(key, value, self.settings.referenced_files, _is_cron)

    def _refusals(self, checked: CheckedPlan) -> Iterator[str]:
        """Yield what a run of each job refuses of what apply accepted, without its warnings."""
        for change in checked.changes:
            check_rows(change.table, [each.written() for each in change.rows])
        touched_jobs(checked.plan)
        tables = checked.plan.after
        registry = build_registry(
            [JobMaster.from_row(row) for row in tables[JOB_MASTER.name]],
            [JobDependency.from_row(row) for row in tables[JOB_DEPENDENCY.name]],
            script_check(self.settings.jobs_path, self.settings.script_url_prefixes),
            self.settings.base_dir,
        )
        yield from (str(each) for each in registry.findings if not each.is_warning)
        for spec in registry.jobs.values():
            yield from self._refusals_of_job(spec, tables)

    def _refusals_of_job(self, spec: JobSpec, tables: Mapping[str, Sequence[Row]]) -> Iterator[str]:
        known = context_warnings(spec.context, spec.job_name, self.settings.base_dir)
        params = [
            SysParam.from_row(row)
            for row in tables[SYS_PARAMS.name]
            if row["environment"] == self.settings.env
        ]
        opened = [ProcessControl.from_row(row) for row in tables[PROCESS_CONTROL.name]]
        dates = [row for row in opened if row.group == spec.group]
        dates = dates or [ProcessControl(*spec.group, DAY)]
        wanted = [row.biz_dt for row in dates]
        request = BundleRequest("run", wanted, self.settings.env, _NOW)
        bundle = assemble(spec, request, BundleRows((), dates, params))
        try:
            retries_of(bundle.sys_params)
            # As a schedule has it, to which a row without a value is none.
            system = [row for row in bundle.sys_params if row.param_type == "system"]
            given = {row.param_key: row for row in system if row.param_value}
            tick_params(given, self.settings.referenced_files)
            redacted = redact_bundle(bundle, self.settings.secret_patterns)
            if len(spec.job_name) > 100:
                write_bundle(redacted.bundle, self.settings.params_dir)
            build_command(_request(redacted.bundle.params_of_type("spark")), "linux")
            params_of_run = parse_params(json.loads(redacted.bundle.to_json()), "params.json")
            for day in wanted:
                plan_landing(
                    params_of_run, date.fromisoformat(day), as_location(self.settings.base_dir)
                )
        except ParamsError as error:
            for text in error.problems:
                fault = text.replace("job_master.context_params.", "")
                # Those need what only the date's row or the script says.
                if fault not in known and not _is_of_the_run(fault):
                    yield f"{spec.job_name}: {text}"
        except (OrchError, HqlError, OSError, ValueError) as error:
            yield f"{spec.job_name}: {type(error).__name__}: {error}"


@pytest.fixture
def flood(home: Path, monkeypatch: pytest.MonkeyPatch) -> Flood:
    """Generates inputs for a home with the HQL file."""
    (home / "hql").mkdir()
    (home / "hql" / HQL).write_text("SELECT id FROM row1", encoding="utf-8")
    for name in ("ORCH_HQL_DIR", "JOB_SQL_DIR"):
        monkeypatch.setenv(name, str(home / "hql"))
    return Flood(load_settings(), home)


def _is_of_the_run(fault: str) -> bool:
    return "set process_control." in fault or "run_landing needs at least one" in fault


def _is_cron(text: str) -> bool:
    return len(text.split()) == 5


def _request(properties: Mapping[str, str]) -> SubmitRequest:
    return SubmitRequest(
        spark_home="/spark", spark_submit="/spark/bin/spark-submit", java_home="/java",
        python="/python", script="/job.py", app_name="job", run_id="run", module_path=("/jobs",),
        params_file="/p.json", log_file="/l.log", base_dir="/data", sql_path=("/hql",),
        properties_file="/p.properties", spark_properties=properties,
    )  # fmt: skip


_MARK = yaml.Mark("flood", 0, 0, 0, None, None)
_NODE = yaml.MappingNode("tag:yaml.org,2002:map", [], _MARK, _MARK)


def _broken(text: str, dice: random.Random) -> str:
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text))
        end = min(len(text), at + dice.choice((0, 0, 0, 1, 5, 50, 500)))
        piece = dice.choice((*PIECES, *TEXTS)) if dice.random() < 0.8 else text[at:end] * 2
        if dice.random() < 0.5:
            # In the place of a value, so that more of it is read.
            at = text.find(": ", at) + 2
            end = max(at, text.find("\n", at))
        text = text[:at] + piece + text[end:]
    return text


def _odd(rows: Rows, dice: random.Random) -> Rows:
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        _change(rows, dice)
    return rows


def _change(rows: Rows, dice: random.Random) -> None:
    table = TABLE_BY_NAME[dice.choice(list(rows))]
    row = dice.choice(rows[table.name])
    kind = dice.random()
    if table is JOB_MASTER and kind < 0.6:
        row["context_params"] = _odd_json(row.get("context_params"), dice)
    elif table is SYS_PARAMS and kind < 0.5:
        row["param_key"] = dice.choice((*SYSTEM_SETTINGS, *_SPARK_KEYS))
        row["param_type"] = dice.choice(("system", "spark", "secret"))
        row["param_value"] = dice.choice((*TEXTS, "1", "5", "2g", "2024-05-15"))
    elif kind < 0.7:
        rows[table.name].append(_copy(row, table, dice))
    elif kind < 0.75:
        row[dice.choice(COLUMNS)] = dice.choice(TEXTS)
    elif kind < 0.8:
        row.pop(dice.choice(list(row)), None)
    else:
        odd = dice.choice(TEXTS) if dice.random() < 0.7 else dice.choice(VALUES)
        row[dice.choice(table.names)] = odd


def _copy(row: Row, table: Table, dice: random.Random) -> Row:
    return {**row, dice.choice(table.names): dice.choice(TEXTS)}


def _odd_json(text: Any, dice: random.Random) -> Any:
    if dice.random() < 0.1 or not isinstance(text, str):
        return dice.choice(TEXTS)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if dice.random() < 0.1:
        at = dice.randrange(len(text))
        return text[:at] + dice.choice(PIECES) + text[at:]
    parts = [part for part in _parts(value) if part]
    if not parts:
        return text
    part = dice.choice(parts)
    kinds = (PLAUSIBLE, PLAUSIBLE, TEXTS, VALUES[:-2])
    odd = dice.choice(dice.choice(kinds))
    if isinstance(part, list):
        part[dice.randrange(len(part))] = odd
    elif dice.random() < 0.15:
        part[dice.choice(TEXTS)] = odd
    elif dice.random() < 0.15:
        part.pop(dice.choice(list(part)))
    else:
        part[dice.choice(list(part))] = odd
    return json.dumps(value)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        for each in cast("dict[str, Any]", value).values():
            yield from _parts(each)
    elif isinstance(value, list):
        yield value
        for each in cast("list[Any]", value):
            yield from _parts(each)
