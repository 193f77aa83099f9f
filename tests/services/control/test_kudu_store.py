"""What only Kudu has: its tables' shape, servers that stop answering, and a JVM in the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from orch_dagster.bundle.fetch import fetch_bundle, stamp_dates
from orch_dagster.control.connect import open_store
from orch_dagster.control.kudu.address import parse_address
from orch_dagster.control.kudu.driver import KuduDriver, Predicate
from orch_dagster.control.kudu.jvm import JvmDriver
from orch_dagster.control.kudu.schema import TYPES
from orch_dagster.control.kudu.store import KuduStore
from orch_dagster.control.records import JobMaster
from orch_dagster.control.store import with_retries
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    SYS_PARAMS,
    TABLES,
    Kind,
    Row,
    Table,
)
from orch_dagster.errors import PermanentStoreError, TransientStoreError
from orch_dagster.registry.jobs import JobSpec, build_registry
from orch_dagster.settings import REPOSITORY
from tests.kudu_cluster import KuduCluster, Role, kudu_cluster
from tests.waiting import wait_until

pytestmark = pytest.mark.kudu

# Of a call that gets no answer; what comes on top is a busy machine's, and less than a second call.
TIMEOUT_S = 6.0
GRACE_S = 5.0


def opened(cluster: KuduCluster, home: Path, options: str = "") -> KuduStore:
    store = open_store(f"{cluster.url}?driver=jvm&timeout_s={TIMEOUT_S}{options}", home)
    assert isinstance(store, KuduStore)
    return store


@pytest.fixture
def store(kudu: KuduCluster, tmp_path: Path) -> Iterator[KuduStore]:
    """The five tables, fresh, on the shared cluster."""
    kudu.drop_tables(tmp_path)
    made = opened(kudu, tmp_path)
    made.ensure_tables()
    yield made
    made.close()


class TestInit:
    def test_keys_types_comments_and_partitions(
        self, kudu: KuduCluster, store: KuduStore, tmp_path: Path
    ) -> None:
        with (
            closing(JvmDriver(parse_address(kudu.url), tmp_path)) as driver,
            driver.client() as client,
        ):
            for table in TABLES:
                made = client.openTable(table.name)
                columns = made.getSchema().getColumns()
                assert str(made.getComment()) == table.comment
                assert [
                    (
                        str(column.getName()),
                        str(column.getType().name()),
                        str(column.getComment()),
                        bool(column.isKey()),
                        bool(column.isNullable()),
                    )
                    for column in columns
                ] == [
                    (column.name, TYPES[column.kind], column.comment, column.key, not column.key)
                    for column in table.columns
                ]
                tablets = len(made.getTabletsLocations(10_000))
                assert tablets == (4 if table is EXECUTION_LOG else 1)
                hashed = made.getPartitionSchema().getHashBucketSchemas()
                assert len(hashed) == (table is EXECUTION_LOG)
        assert TYPES[Kind.DATE] == "STRING"
        assert TYPES[Kind.TIMESTAMP] == "UNIXTIME_MICROS"

    @pytest.mark.parametrize(("options", "replicas"), [("", 3), ("&replicas=1", 1)])
    def test_replicas_by_the_tablet_servers_or_as_wanted(
        self, kudu_of_three: KuduCluster, tmp_path: Path, options: str, replicas: int
    ) -> None:
        kudu_of_three.drop_tables(tmp_path)
        store = open_store(f"{kudu_of_three.url}?driver=jvm{options}", tmp_path)
        store.ensure_tables()
        store.close()

        with (
            closing(JvmDriver(parse_address(kudu_of_three.url), tmp_path)) as driver,
            driver.client() as client,
        ):
            found = {client.openTable(table.name).getNumReplicas() for table in TABLES}
        assert found == {replicas}

    def test_another_key_and_another_type_are_shown_and_nothing_is_changed(
        self, kudu: KuduCluster, tmp_path: Path
    ) -> None:
        kudu.drop_tables(tmp_path)
        driver = JvmDriver(parse_address(kudu.url), tmp_path)
        of_type = [
            replace(column, kind=Kind.TEXT) if column.name == "start_time" else column
            for column in EXECUTION_LOG.columns
        ]
        driver.create(replace(EXECUTION_LOG, columns=tuple(of_type)), hash_buckets=0, replicas=1)
        of_key = [replace(SYS_PARAMS.columns[0], key=True)]
        of_key += [replace(column, key=False) for column in SYS_PARAMS.columns[1:]]
        driver.create(replace(SYS_PARAMS, columns=tuple(of_key)), hash_buckets=0, replicas=1)
        store = opened(kudu, tmp_path)

        with pytest.raises(PermanentStoreError) as caught:
            store.ensure_tables()

        assert "execution_log: column start_time is STRING, wanted is UNIXTIME_MICROS" in str(
            caught.value
        )
        assert (
            "sys_params: its key is (param_key), wanted is (param_key, environment, key_name)"
            in str(caught.value)
        )
        assert store.shape(JOB_MASTER) is None
        store.close()
        driver.close()


class TestWrites:
    def test_a_row_that_the_cluster_refuses_is_named_and_may_be_mended(
        self, tmp_path: Path
    ) -> None:
        # A server with a limit below Kudu's own, which we check: the only way to be refused.
        with kudu_cluster(tserver_flags=("--max_cell_size_bytes=1000",)) as cluster:
            store = opened(cluster, tmp_path)
            store.ensure_tables()
            rows: list[Row] = [{"job_id": f"J{n}", "comments": "x"} for n in range(3)]
            rows[1]["comments"] = "x" * 1001

            with pytest.raises(PermanentStoreError) as caught:
                store.upsert(JOB_MASTER, rows)

            assert caught.value.table == "job_master"
            assert 'job_id="J1"' in str(caught.value)
            assert "1 of 3 rows were not written, writing all again is safe" in str(caught.value)
            rows[1]["comments"] = "y"
            store.upsert(JOB_MASTER, rows)
            assert store.read(JOB_MASTER, columns=["job_id", "comments"]) == rows
            store.close()

    def test_cells_at_the_limit_fit_a_message_by_the_hundred(self, store: KuduStore) -> None:
        text = "x" * (64 * 1024)
        rows: list[Row] = [
            {"job_id": f"J{n:03d}", "context_params": text, "comments": text} for n in range(400)
        ]

        store.upsert(JOB_MASTER, rows)

        found = store.read(JOB_MASTER, columns=["job_id", "comments"])
        assert len(found) == 400
        assert {row["comments"] for row in found} == {text}


class Asked:
    """What a driver was asked to scan, which it did all the same."""

    def __init__(self, store: KuduStore, patch: pytest.MonkeyPatch) -> None:
        self.scans: list[tuple[str, dict[str, Predicate], tuple[str, ...]]] = []
        store.ping()
        driver: KuduDriver = store._driver
        scan = driver.scan

        def recorded(
            table: str, where: dict[str, Predicate], columns: Sequence[str]
        ) -> list[tuple[object, ...]]:
            self.scans.append((table, where, tuple(columns)))
            return scan(table, where, columns)

        patch.setattr(driver, "scan", recorded)


def test_the_params_of_a_job_are_read_by_equality_and_by_name_of_column(
    store: KuduStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = '{"entity": "GELS", "source_system": "FPMS"}'
    row: Row = {
        "job_id": "J1",
        "job_name": "job_1",
        "script_path": "a.py",
        "context_params": context,
    }
    store.upsert(JOB_MASTER, [row])
    registry = build_registry([JobMaster.from_row(row)], [], lambda _: None)
    spec: JobSpec = registry.jobs["job_1"]
    asked = Asked(store, monkeypatch)

    stamp_dates(store, spec, "r1", ["2024-05-15"])
    with pytest.raises(Exception, match="2024-05-15"):
        fetch_bundle(store, spec, run_id="r1", wanted=["2024-05-15"], environment="DEV")

    assert asked.scans == [
        ("job_master", {"job_id": "J1"}, ("job_id",)),
        ("job_dependency", {"dependent_job_id": "J1"}, JOB_DEPENDENCY.names),
        (
            "sys_params",
            {"environment": "DEV", "key_name": ("job_1", "gels_fpms", "*")},
            SYS_PARAMS.names,
        ),
        (
            "process_control",
            {"entity": "GELS", "source_system": "FPMS"},
            tuple(next(t for t in TABLES if t.name == "process_control").names),
        ),
    ]


def fails_in_time(call: object, table: Table | None = JOB_MASTER) -> TransientStoreError:
    """The error of a call that gets no answer, and not later than it was promised."""
    begun = time.monotonic()
    with pytest.raises(TransientStoreError) as caught:
        call()  # type: ignore[operator]
    assert time.monotonic() - begun < TIMEOUT_S + GRACE_S
    assert caught.value.table == (table.name if table else None)
    return caught.value


class TestOutages:
    @pytest.mark.parametrize("role", ["MASTER", "TSERVER"])
    def test_stopped(self, kudu: KuduCluster, store: KuduStore, tmp_path: Path, role: Role) -> None:
        store.upsert(JOB_MASTER, [{"job_id": "J1"}])
        # Knows nothing of the cluster yet, so it needs the master too.
        new = opened(kudu, tmp_path)
        with kudu.stopped(role):
            error = fails_in_time(lambda: new.read(JOB_MASTER))
            if role == "MASTER":
                assert f"{kudu.masters[0]}: nothing listens there" in str(error)
            else:
                fails_in_time(lambda: store.upsert(JOB_MASTER, [{"job_id": "J2"}]))

        for one in (store, new):
            with_retries(lambda one=one: one.upsert(JOB_MASTER, [{"job_id": "J2"}]), warn=print)
            assert [row["job_id"] for row in one.read(JOB_MASTER)] == ["J1", "J2"]
        new.close()

    @pytest.mark.parametrize("role", ["MASTER", "TSERVER"])
    def test_paused(self, kudu: KuduCluster, store: KuduStore, tmp_path: Path, role: Role) -> None:
        store.upsert(JOB_MASTER, [{"job_id": "J1"}])
        new = opened(kudu, tmp_path)
        with kudu.paused(role):
            error = fails_in_time(lambda: new.read(JOB_MASTER))
            if role == "MASTER":
                assert "accepts a connection and does not answer" in str(error)
                fails_in_time(store.ping, table=None)
            else:
                fails_in_time(lambda: store.update(JOB_MASTER, [{"job_id": "J1", "comments": "x"}]))

        with_retries(lambda: new.upsert(JOB_MASTER, [{"job_id": "J2"}]), warn=print)
        assert [row["job_id"] for row in store.read(JOB_MASTER)] == ["J1", "J2"]
        new.close()

    def test_restarted_on_the_same_folder(self, kudu: KuduCluster, store: KuduStore) -> None:
        rows: list[Row] = [{"id": f"{n:04d}", "status": "Completed"} for n in range(500)]
        store.upsert(EXECUTION_LOG, rows)

        kudu.restart()

        found = with_retries(
            lambda: store.read(EXECUTION_LOG, columns=["id", "status"]), warn=print
        )
        assert found == rows

    def test_two_of_three_masters_are_enough(
        self, kudu_of_three: KuduCluster, tmp_path: Path
    ) -> None:
        kudu_of_three.drop_tables(tmp_path)
        store = open_store(f"{kudu_of_three.url}?driver=jvm", tmp_path)
        store.ensure_tables()
        for index in range(3):
            with kudu_of_three.stopped("MASTER", index=index):
                new = open_store(f"{kudu_of_three.url}?driver=jvm", tmp_path)
                new.upsert(JOB_MASTER, [{"job_id": f"J{index}"}])
                new.close()
        assert len(store.read(JOB_MASTER)) == 3
        store.close()

    def test_nothing_listens(self, tmp_path: Path) -> None:
        store = open_store(f"kudu://127.0.0.1:9?driver=jvm&timeout_s={TIMEOUT_S}", tmp_path)

        error = fails_in_time(lambda: store.read(JOB_MASTER))

        assert "127.0.0.1:9: nothing listens there" in str(error)

    def test_a_table_made_anew_is_found_by_the_second_try(
        self, kudu: KuduCluster, store: KuduStore, tmp_path: Path
    ) -> None:
        assert store.read(JOB_MASTER) == []
        kudu.drop_tables(tmp_path)

        def is_refused() -> bool:
            try:
                store.read(JOB_MASTER)
            except PermanentStoreError as error:
                assert "orch init" in str(error)
                return True
            return False

        # The tablet server hears of it after the master has answered.
        wait_until(is_refused, "the table is gone")
        assert store.ensure_tables() == [f"created table {table.name}" for table in TABLES]
        assert store.read(JOB_MASTER) == []


def program(text: str, cluster: KuduCluster, home: Path) -> list[str]:
    """A Python process with a store of that cluster."""
    head = """
        import multiprocessing, os, pickle, sys
        from pathlib import Path
        from orch_dagster.control.connect import open_store
        from orch_dagster.control.tables import JOB_MASTER
        from orch_dagster.errors import StoreError
        """
    url = f"{cluster.url}?driver=jvm&timeout_s=30"
    names = f"url, home = {url!r}, Path({str(home)!r})"
    return [
        sys.executable,
        "-c",
        f"{textwrap.dedent(head)}\n{names}\n{textwrap.dedent(text)}",
    ]


def said(text: str, cluster: KuduCluster, home: Path) -> str:
    """What such a process prints; its stderr is empty."""
    done = subprocess.run(
        program(text, cluster, home),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


class TestProcesses:
    def test_a_fork_uses_no_client_of_its_parent(
        self, kudu: KuduCluster, store: KuduStore, tmp_path: Path
    ) -> None:
        store.upsert(JOB_MASTER, [{"job_id": "J1"}])
        text = """
            store = open_store(url, home)
            print(len(store.read(JOB_MASTER)), flush=True)
            child = os.fork()
            if child == 0:
                for one in (store, open_store(url, home)):
                    try:
                        one.read(JOB_MASTER)
                    except StoreError as error:
                        print(type(error).__name__, "forked" in str(error), flush=True)
                store.close()
                os._exit(0)
            os.waitpid(child, 0)
            print(len(store.read(JOB_MASTER)))
            """

        assert said(text, kudu, tmp_path).split("\n") == [
            "1",
            "PermanentStoreError True",
            "PermanentStoreError True",
            "1",
            "",
        ]

    def test_a_fork_before_the_first_call_connects_for_itself(
        self, kudu: KuduCluster, store: KuduStore, tmp_path: Path
    ) -> None:
        text = """
            store = open_store(url, home)
            child = os.fork()
            print(len(store.read(JOB_MASTER)), flush=True)
            if child:
                os.waitpid(child, 0)
            os._exit(0)
            """

        assert said(text, kudu, tmp_path) == "0\n0\n"

    def test_a_store_that_travels_to_a_spawned_process_connects_for_itself(
        self, kudu: KuduCluster, store: KuduStore, tmp_path: Path
    ) -> None:
        store.upsert(JOB_MASTER, [{"job_id": "J1"}])
        text = """
            store = open_store(url, home)
            print(len(store.read(JOB_MASTER)), flush=True)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(len(pool.apply(store.read, (JOB_MASTER,))), flush=True)
            print(len(store.read(JOB_MASTER)))
            """

        assert said(text, kudu, tmp_path) == "1\n1\n1\n"

    def test_the_end_of_a_process_waits_for_no_client(
        self, kudu: KuduCluster, store: KuduStore, tmp_path: Path
    ) -> None:
        begun = time.monotonic()
        text = "store = open_store(url, home); print(len(store.read(JOB_MASTER)))"

        assert said(text, kudu, tmp_path) == "0\n"
        assert time.monotonic() - begun < 30

    @pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
    @pytest.mark.parametrize(
        ("number", "end", "printed"),
        [
            (signal.SIGINT, 3, "KeyboardInterrupt\n"),
            (signal.SIGTERM, -signal.SIGTERM, ""),
        ],
    )
    def test_signals_are_pythons(
        self,
        kudu: KuduCluster,
        store: KuduStore,
        tmp_path: Path,
        own_signals: None,
        number: signal.Signals,
        end: int,
        printed: str,
    ) -> None:
        text = """
            store = open_store(url, home)
            store.read(JOB_MASTER)
            try:
                print("ready", flush=True)
                sys.stdin.read()
            except KeyboardInterrupt:
                print("KeyboardInterrupt", flush=True)
                sys.exit(3)
            """
        process = subprocess.Popen(
            program(text, kudu, tmp_path),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            os.kill(process.pid, number)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        assert (process.returncode, out) == (end, printed)


class TestSecurity:
    """What of the options reaches the Java client; no Kerberos realm was tried."""

    def test_a_cluster_that_cannot_authenticate_is_refused_where_that_is_required(
        self, kudu: KuduCluster, tmp_path: Path
    ) -> None:
        store = opened(kudu, tmp_path, "&require_authentication=true")

        with pytest.raises(PermanentStoreError, match="requires authentication"):
            store.ping()
        store.close()

    def test_encrypted(self, kudu: KuduCluster, store: KuduStore, tmp_path: Path) -> None:
        encrypted = opened(kudu, tmp_path, "&encryption_policy=required")

        assert encrypted.read(JOB_MASTER) == []
        encrypted.close()

    def test_names_and_policies_arrive(self, kudu: KuduCluster, tmp_path: Path) -> None:
        options = "sasl_protocol_name=impala&encryption_policy=required_remote&timeout_s=7"
        driver = JvmDriver(parse_address(f"{kudu.url}?{options}"), tmp_path)
        with driver.client() as client:
            inner = _field(client, "asyncClient")
            connections = _field(inner, "connectionCache")
            assert str(_field(connections, "saslProtocolName")) == "impala"
            assert bool(_field(connections, "requireEncryption"))
            assert not bool(_field(connections, "encryptLoopback"))
            assert not bool(_field(connections, "requireAuthentication"))
            assert int(client.getDefaultOperationTimeoutMs()) == 6300
            assert int(client.getDefaultAdminOperationTimeoutMs()) == 6300
        driver.close()

    def test_trusted_certificates_arrive(self, kudu: KuduCluster, tmp_path: Path) -> None:
        pem = tmp_path / "ca.pem"
        pem.write_text(CERTIFICATE)
        driver = JvmDriver(parse_address(f"{kudu.url}?trusted_certificates={pem}"), tmp_path)
        with driver.client() as client:
            context = _field(_field(client, "asyncClient"), "securityContext")
            assert len(_field(context, "trustedCertDers")) == 1
        driver.close()


def _field(owner: object, name: str) -> object:
    """A private field of a Java object."""
    field = owner.getClass().getDeclaredField(name)  # type: ignore[attr-defined]
    field.setAccessible(True)
    return field.get(owner)


def test_a_store_that_cannot_start_its_client_says_so_as_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
        try:
            open_store(url, home).read(JOB_MASTER)
        except StoreError as error:
            print(error.table, "ORCH_KUDU_JAR is /no/such.jar" in str(error))
        """
    monkeypatch.setenv("ORCH_KUDU_JAR", "/no/such.jar")
    process = subprocess.run(
        [*program(text, KuduAway(), tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (process.stdout, process.stderr) == ("job_master True\n", "")


class KuduAway(KuduCluster):
    """An address without a cluster."""

    def __init__(self) -> None:
        self.masters = ["127.0.0.1:9"]


CERTIFICATE = Path(__file__).with_name("kudu_ca.pem").read_text(encoding="ascii")
