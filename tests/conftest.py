"""Fixtures that tests of several folders share."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from framework.contract.spark_defaults import JVM_TIME_ZONE, spark_defaults
from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.settings import Settings, load_settings
from tests import class_data
from tests.homes import BIZ_DT, Home, copied_home, new_checkout, new_home
from tests.kudu_cluster import KuduCluster, kudu_cluster, sample_home_on
from tests.not_on_windows import skip_on_windows
from tests.store_places import StorePlace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The fixtures `landing…`, as a team that writes jobs has them; and those of several tiers.
pytest_plugins = ["orch_dagster.kit", "tests.code_location", "tests.javas"]

pytest.register_assert_rewrite("tests.store_contract")

# For JVMs that live a few seconds: a third less of them, and nothing else is different.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# How long an example takes is the machine's matter.
hypothesis.settings.register_profile(
    "any", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any")

# The files of one call go to the workers in this order: what waits longest comes first.
_TIERS = ("endurance", "services", "windows", "runs", "spark", "unit")
_LONGEST = (
    "test_short_runs.py",
    "test_chaos.py",
    "test_kudu_runs.py",
    "test_yarn_runs.py",
    "test_dagit_in_browser.py",
    "test_kudu_dev.py",
    "test_standalone_rows.py",
    "test_pages.py",
)

# In CI every other skip fails the build: a service or a tool that should be there is missing.
_SKIPS_IN_CI = (
    "kudu-python is not installed",
    "Kudu has no rule by which a test could make it refuse one row",
    "no java on PATH",
    "this system lets no test mount a file system",
    # `make test-windows` runs those by a Python for Windows.
    "only Windows",
)


def pytest_configure(config: pytest.Config) -> None:
    """Before the workers start, which inherit it: what is as good for the time that a JVM takes."""
    if not hasattr(config, "workerinput") and class_data.VARIABLE not in os.environ:
        assert config.cache is not None
        folder = config.cache.mkdir("class_data")
        os.environ[class_data.VARIABLE] = class_data.archive_options(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is alone with one at the end (see Makefile)."""
    items.sort(key=_place_in_order)
    skip_on_windows(items)


def _place_in_order(item: pytest.Item) -> tuple[int, int]:
    tier = item.nodeid.removeprefix("tests/").partition("/")[0]
    return _place(tier, _TIERS), _place(item.path.name, _LONGEST)


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out files (see Makefile), all of YARN to one worker: its servers start once."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler.loadfile import LoadFileScheduling

    class OneYarn(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "yarn" if file.startswith("tests/services/") and "yarn" in file else file

    return OneYarn(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: those of an archive hold the time, and workers must agree."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped in CI without a reason that holds there too."""
    report = yield
    if report.skipped and "CI" in os.environ and not hasattr(report, "wasxfail"):
        assert isinstance(report.longrepr, tuple)
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(_SKIPS_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI: {reason}"
    return report


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is taken for a job that an orchestrator started."""
    for name in ("LOG_FILE", "JOB_LOG_MAX_BYTES", "JOB_PARAMS_FILE", "JOB_BASE_DIR", "JOB_SQL_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh ORCH_HOME; nothing of the machine's own settings reaches the test."""
    for name in [*os.environ]:
        if name.upper().startswith(("ORCH_", "DAGSTER_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ORCH_HOME", str(folder))
    return folder


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that home, with no variable but ORCH_HOME set."""
    return load_settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[ControlStore]:
    """The embedded store of that home, its five tables there and empty."""
    opened = open_store(settings.control_url, settings.home)
    opened.ensure_tables()
    yield opened
    opened.close()


@pytest.fixture
def tables(place: StorePlace) -> Iterator[ControlStore]:
    """A store of the kind that the tier's `place` is for, its five tables there and empty."""
    opened = place.with_tables()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def kudu() -> Iterator[KuduCluster]:
    """A real Kudu of one master and one tablet server, for all tests of this process."""
    with kudu_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_kudu() -> Iterator[KuduCluster]:
    """A real Kudu that the tests of one file stop and pause."""
    with kudu_cluster() as cluster:
        yield cluster


@pytest.fixture
def kudu_home(own_kudu: KuduCluster, tmp_path: Path) -> Home:
    """A home with the sample, its store on that Kudu."""
    return sample_home_on(own_kudu, tmp_path / "home")


@pytest.fixture
def own_signals() -> Iterator[None]:
    """SIGINT and SIGTERM as a command at a terminal has them, and again as they were after.

    A background job of a shell starts with SIGINT ignored, and would hand that on to its children.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def _sample(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = new_home(tmp_path_factory.mktemp("sample") / "home")
    made.here("init", "--sample")
    return made


@pytest.fixture
def sample_home(_sample: Home, tmp_path: Path) -> Home:
    """A home with the sample in it: a copy of its own for each test."""
    return copied_home(_sample, tmp_path / "home")


@pytest.fixture(scope="session")
def _landed(_sample: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    # Signs that a URL, a shell, a list or a pattern might take for something else.
    made = copied_home(_sample, tmp_path_factory.mktemp("landed") / "a home %;&='+$!@~^() ü")
    made.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)
    return made


@pytest.fixture
def landed_home(_landed: Home, tmp_path: Path) -> Home:
    """A home with the sample in it, landed once: a copy of its own for each test."""
    return copied_home(_landed, tmp_path / "home")


@pytest.fixture
def checkout(tmp_path: Path) -> Home:
    """The repository as it is after a clone."""
    return new_checkout(tmp_path / "orch_dagster")


@pytest.fixture(scope="session")
def spark_application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One local Spark for all tests of this process."""
    from pyspark.sql import SparkSession

    base = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[2]")
        .appName("tests")
        .config("spark.ui.enabled", "false")
        .config(map=spark_defaults("local[2]"))
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", (base / "warehouse").as_uri())
        # Derby, which stands for a JDBC database, logs to the working folder otherwise.
        .config(
            "spark.driver.extraJavaOptions",
            f"{JVM_TIME_ZONE} -Dderby.system.home={base.as_posix()}",
        )
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def spark(spark_application: SparkSession) -> SparkSession:
    """A session of the test's own: its settings and views are nobody else's."""
    return spark_application.newSession()
