"""A job that shows its secrets in every way it can, and where they may not be found."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.homes import BIZ_DT, Home, home_of_job

pytestmark = pytest.mark.spark

JOB = "etl_lnd_ins_sys_shows"
# Spark's default regex finds neither key, and Hadoop's part of the page drops the prefix.
CODE_KEY, LOGIN_KEY = "spark.hadoop.vault.code", "DB_LOGIN"
CODE = 'code-7c9a41 "of" the\\vault & $HOME'
USER = "lander3e1d"
LOGIN = "-----BEGIN LOGIN-----\nbG9naW4gb2YgdGhl\nIGRhdGFiYXNl/9+8\n-----END LOGIN-----"
PASSWORD = "literal-Pa$$word"
TOKEN = "token-in-sys-params"
# Of a job in another environment, which this one happens to print.
OTHER = "of-another-job-5a1c"
# What is left of each, however it is spelt; of several lines, of each one.
PARTS = ["7c9a41", USER, "5a1c", *LOGIN.splitlines()]
# The user wrote these two into the control store, where they stay.
LITERALS = [PASSWORD, TOKEN]

SCRIPT = """
import json, os, time, urllib.parse, urllib.request
from pathlib import Path
from framework import get_logger, get_spark, load_params, read_source
from framework.writers import append_to_table

params = load_params()
spark = get_spark()
code = spark.sparkContext.getConf().get("spark.hadoop.vault.code")
login = os.environ["DB_LOGIN"]
print("code is", code)
print(login)
print(repr(login), json.dumps(code), urllib.parse.quote(code), "x" * 65_530 + login[:40])
inherited = sorted(os.environ)
of_parent = Path(f"/proc/{{os.getppid()}}/environ")
inherited.append(of_parent.read_text(errors="replace") if of_parent.exists() else "")
print("another job has", "of-another-job-5a" + "1c")
get_logger("job").info("another job has %s", "of-another-job-5a" + "1c")
print("token", params.system["api.token"], flush=True)
get_logger("job").info("code %s, login %s", code, login)
source, sink = params.sources[0], params.sinks[0]
rows = read_source(spark, source.format, source.path, options=source.options)
append_to_table(rows, sink.format, sink.path, options=sink.options)
shown, root = Path("{shown}"), spark.sparkContext.uiWebUrl
api = root + "/api/v1/applications/" + spark.sparkContext.applicationId
pages = [api + "/environment", api + "/sql?details=true", api + "/jobs", root + "/environment/",
         root + "/SQL/", root + "/SQL/execution/?id=1"]
for number, page in enumerate(pages):
    with urllib.request.urlopen(page, timeout=20) as answer:
        (shown / f"page-{{number}}.txt").write_bytes(answer.read())
(shown / "told").write_text(json.dumps([code, login, rows.count(), inherited]))
until = time.monotonic() + 60
while not (shown / "seen").exists() and time.monotonic() < until:
    time.sleep(0.05)
raise RuntimeError("refused " + login.splitlines()[1] + " with " + code)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home after the run of that job."""
    folder = tmp_path_factory.mktemp("secrets")
    shown = folder / "shown"
    shown.mkdir()
    derby = folder / "derby"
    derby.mkdir()
    (derby / "derby.properties").write_text(
        "derby.connection.requireAuthentication=true\n"
        "derby.authentication.provider=BUILTIN\n"
        f"derby.user.{USER}={PASSWORD}\n",
        encoding="utf-8",
    )
    sink = {
        "format": "jdbc",
        "path": "landed",
        "options": {
            "url": f"jdbc:derby:{derby.as_posix()}/db;create=true",
            "user": "env:DB_USER",
            "password": PASSWORD,
        },
    }
    context = {"sources": [{"format": "csv", "path": "in.csv"}], "sinks": [sink]}
    made = home_of_job(folder / "home", JOB, SCRIPT.format(shown=shown.as_posix()), context)
    (made.folder / "in.csv").write_text("1,a\n2,b\n", encoding="utf-8")
    (shown / "events").mkdir()
    properties = {
        "spark.ui.enabled": "true",
        "spark.ui.port": "0",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (shown / "events").as_uri(),
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={derby.as_posix()}",
    }
    keys = {"environment": "DEV", "key_name": "*"}
    places = {CODE_KEY: "env:VAULT", LOGIN_KEY: "file:login", "DB_USER": "env:DB_USER"}
    rows = [
        *({"param_key": k, "param_value": v, "param_type": "spark"} for k, v in properties.items()),
        *({"param_key": k, "param_value": v, "param_type": "secret"} for k, v in places.items()),
        {"param_key": "api.token", "param_value": TOKEN, "param_type": "system"},
    ]
    of_other = {"environment": "PROD", "key_name": "*", "param_key": "OTHER_LOGIN"}
    rows.append({**of_other, "param_value": "env:OTHER_PW", "param_type": "secret"})
    more = {"sys_params": [{**keys, **row} for row in rows]}
    (made.folder / "more.yaml").write_text(json.dumps(more), encoding="utf-8")
    made.orch("apply", "more.yaml")
    (made.folder / "login").write_text(f"{LOGIN}\n", encoding="utf-8")
    made.environ |= {"VAULT": CODE, "DB_USER": USER, "OTHER_PW": OTHER, "CRM_MODE": "full"}
    return made


class Told:
    """What a run of the job left, and what could be seen of its processes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.shown = home.folder.parent / "shown"
        self.argv: set[str] = set()
        self.listening: set[str] = set()
        with subprocess.Popen(
            ["orch", "run", JOB, "--biz-dt", BIZ_DT],
            env=home.environ,
            cwd=home.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as orch:
            looking = threading.Thread(target=self._look, args=(orch,))
            looking.start()
            self.printed = orch.communicate(timeout=240)[0]
            looking.join()
        self.exit_code = orch.returncode
        (self.row,) = home.log_rows(JOB)
        (log,) = (home.folder / "logs").iterdir()
        self.log = log.read_text(encoding="utf-8")

    def _look(self, orch: subprocess.Popen[bytes]) -> None:
        """Look at the arguments of everything that runs, until the job has told all."""
        while orch.poll() is None:
            is_told = (self.shown / "told").exists()
            for process in psutil.Process(orch.pid).children(recursive=True):
                try:
                    self.argv.add("\0".join(process.cmdline()))
                    if is_told:
                        self.listening |= {
                            each.laddr.ip
                            for each in process.net_connections("inet")
                            if each.status == psutil.CONN_LISTEN
                        }
                except psutil.Error:
                    continue
            if is_told:
                (self.shown / "seen").touch()
                return

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Everything under ORCH_HOME but what the user wrote there; Spark's pages and events."""
        below = [self.home.folder, self.shown]
        own = {"rows.yaml", "more.yaml", "login", "told"}
        for path in (path for folder in below for path in folder.rglob("*")):
            if path.is_file() and path.name not in own:
                yield str(path), path.read_bytes()


@pytest.fixture(scope="module")
def told(home: Home) -> Told:
    return Told(home)


def test_the_job_has_them(told: Told) -> None:
    assert told.exit_code == 1, told.printed
    assert json.loads((told.shown / "told").read_text())[:3] == [CODE, LOGIN, 2]
    written = json.loads((told.home.folder / "params" / f"{JOB}.json").read_text())
    options = written["job_master"]["context_params"]["sinks"][0]["options"]
    assert (options["user"], options["password"]) == ("env:DB_USER", "env:JOB_SECRET_1")


def test_it_has_the_teams_variables_and_nobody_elses(told: Told) -> None:
    *names, of_parent = json.loads((told.shown / "told").read_text())[3]
    assert {"PATH", "CRM_MODE", "VAULT", "DB_LOGIN", "ORCH_HOME"} <= {*names}
    assert not {"OTHER_PW", "ORCH_CONTROL_URL", "DAGSTER_HOME"} & {*names}
    assert "OTHER_PW=" not in of_parent


def test_nothing_but_the_job_has_them(told: Told) -> None:
    store = ("control.db", "registry.json")
    found = [
        (name, secret)
        for name, content in told.files()
        for secret in PARTS + ([] if Path(name).name in store else LITERALS)
        if secret.encode() in content
    ]
    assert found == []
    printed = told.printed.decode()
    assert [secret for secret in PARTS + LITERALS if secret in printed] == []


def test_no_process_shows_them_in_its_arguments(told: Told) -> None:
    everything = "\n".join(told.argv)
    assert "org.apache.spark.deploy.SparkSubmit" in everything
    assert "--properties-file" in everything
    assert [secret for secret in PARTS + LITERALS if secret in everything] == []


def test_spark_says_that_it_hides_them(told: Told) -> None:
    environment = json.loads((told.shown / "page-0.txt").read_text())
    properties = dict(environment["sparkProperties"])
    assert properties[CODE_KEY] == "*********(redacted)"
    assert dict(environment["hadoopProperties"])["vault.code"] == "*********(redacted)"
    assert properties["spark.app.name"] == f"{JOB} {BIZ_DT}"
    events = "".join(path.read_text() for path in (told.shown / "events").iterdir())
    assert CODE_KEY in events
    assert "SparkListenerSQLExecutionStart" in events


def test_its_ui_is_for_the_machine_alone(told: Told) -> None:
    assert told.listening
    assert {ip.removeprefix("::ffff:") for ip in told.listening} == {"127.0.0.1"}


def test_what_it_printed_and_logged_is_masked(told: Told) -> None:
    assert "[spark] code is ******\n" in told.log
    assert told.log.count("[spark] ******\n") >= len(LOGIN.splitlines())
    assert "[job] code ******, login ******\n" in told.log
    assert "[spark] token ******\n" in told.log
    assert "[spark] another job has ******\n" in told.log
    assert f"[job] another job has {'*' * len(OTHER)}\n" in told.log
    assert told.row["error_message"].startswith("RuntimeError: refused ****** with ****** (job.py:")
    # Dagit shows the same file: nothing is written a second time.
    assert list((told.home.folder / ".orch").rglob("*.err")) == []


def test_what_is_not_there_fails_the_run_before_spark_starts(tmp_path: Path) -> None:
    made = home_of_job(tmp_path / "home", JOB, "", {})
    keys = {"environment": "DEV", "key_name": "*", "param_type": "secret"}
    places = {"spark.hadoop.vault.code": "env:VAULT", "DB_LOGIN": "file:login"}
    rows = [{**keys, "param_key": key, "param_value": place} for key, place in places.items()]
    (made.folder / "more.yaml").write_text(json.dumps({"sys_params": rows}), encoding="utf-8")
    made.orch("apply", "more.yaml")
    done = made.orch("run", JOB, "--biz-dt", BIZ_DT, check=False)
    assert done.returncode == 1
    (row,) = made.log_rows(JOB)
    for key in places:
        assert f"sys_params (param_key={key}, environment=DEV, key_name=*)" in row["error_message"]
    assert "the environment variable VAULT is not set" in row["error_message"]
    (log,) = (made.folder / "logs").iterdir()
    assert "running" not in log.read_text(encoding="utf-8")


def test_nothing_with_secrets_is_left(told: Told) -> None:
    left = [path.name for path in (told.home.folder / "params").rglob("*") if path.is_file()]
    assert sorted(left) == [f"{JOB}.json", f"{JOB}.json", "run.process.json"]
