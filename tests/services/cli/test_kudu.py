"""orch kudu, as its user gives it: the real Kudu, its data and what is left of it."""

from __future__ import annotations

import json
import os
import platform
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from click.testing import CliRunner

from orch_dagster.cli.main import main
from orch_dagster.local_kudu import cluster, readiness
from orch_dagster.local_kudu.cluster import COMPOSE_FILE
from orch_dagster.local_kudu.daemons import daemon_environ
from orch_dagster.local_kudu.place import Place, place_of
from orch_dagster.local_kudu.ports import ROLES, Ports
from orch_dagster.local_kudu.readiness import why_not_ready
from orch_dagster.local_kudu.state import Daemon, State, read_state, write_state
from orch_dagster.toolchain.jars import KUDU_BINARY, fetch_artifact, jars_dir
from tests.homes import Home, new_home
from tests.kudu_cluster import CACHE, kudu_home, why_no_kudu
from tests.waiting import wait_until

linux_only = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="Kudu's binaries are for Linux on x86-64",
)


def free_ports() -> Ports:
    """Ports below those that the system gives to clients, all four free."""
    while True:
        ports = Ports(random.randrange(20_000, 31_000))
        try:
            with ExitStack() as stack:
                for port in all_of(ports):
                    stack.enter_context(listening(port))
        except OSError:
            continue
        return ports


def all_of(ports: Ports) -> list[int]:
    return [port for role in ROLES for port in (ports.rpc(role), ports.web(role))]


def listening(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


@pytest.fixture(scope="module")
def ports() -> Ports:
    return free_ports()


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home for all tests of the real Kudu, which is unpacked there once."""
    if reason := why_no_kudu():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    made = new_home(tmp_path_factory.mktemp("kudu") / "home")
    jars_dir(made.folder).mkdir(parents=True)
    jar = fetch_artifact(KUDU_BINARY, CACHE, os.environ)
    (jars_dir(made.folder) / jar.name).symlink_to(jar)
    # A proxy that is not there: Kudu on loopback is asked without one.
    made.environ.update(http_proxy="http://127.0.0.1:9", no_proxy="")
    yield made
    # 95 MB that nobody needs to look at.
    shutil.rmtree(place_of(made.folder).binaries, ignore_errors=True)


@pytest.fixture
def home(one_home: Home) -> Iterator[Home]:
    """The home with nothing running in it, before and afterwards."""
    yield one_home
    try:
        cluster.down(one_home.folder)
    finally:
        left = [one for one in psutil.process_iter(["environ", "name"]) if _is_of(one, one_home)]
        for process in left:
            process.kill()
    assert [process.info["name"] for process in left] == []


def _is_of(process: psutil.Process, home: Home) -> bool:
    environ: dict[str, str] = process.info["environ"] or {}
    return environ.get("ORCH_HOME") == str(home.folder)


def up(home: Home, ports: Ports) -> str:
    return home.orch("kudu", "up", "--port", str(ports.master)).stdout


def up_words(ports: Ports) -> list[str]:
    """The same, for a test that does something meanwhile."""
    return [sys.executable, "-m", "orch_dagster.cli", "kudu", "up", "--port", str(ports.master)]


def status(home: Home) -> tuple[int, dict[str, Any]]:
    done = home.orch("kudu", "status", "--json", check=False)
    return done.returncode, json.loads(done.stdout)


def at_once(home: Home, *words: str) -> str:
    """What a command prints that starts nothing, given in this process."""
    result = CliRunner().invoke(main, ["kudu", *words], env={"ORCH_HOME": str(home.folder)})
    assert result.exit_code == 0, result.output
    return result.stdout


def pids(home: Home) -> dict[str, int]:
    """The pid of each role that was started."""
    state = read_state(place_of(home.folder))
    return {one.role: one.pid for one in state.daemons} if state else {}


def tool(home: Home, *words: str) -> str:
    """What Kudu's own command prints."""
    binaries = place_of(home.folder).binaries
    done = subprocess.run(
        [str(binaries / "bin" / "kudu"), *words],
        env=daemon_environ(binaries, os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.kudu
def test_up_says_what_is_next_and_status_what_is_there(home: Home, ports: Ports) -> None:
    said = up(home, ports)

    assert "Kudu is up." in said
    assert "never in production" in said
    assert f"ORCH_CONTROL_URL={ports.control_url}\n" in said
    assert "orch init --sample" in said
    assert ports.web_url("master") in said
    code, found = status(home)
    assert (code, found["ready"], found["reason"]) == (0, True, None)
    assert found["control_url"] == ports.control_url
    for role, one in zip(ROLES, found["daemons"], strict=True):
        assert (one["daemon"], one["state"]) == (f"kudu-{role}", "running")
        assert psutil.Process(one["pid"]).name() == f"kudu-{role}"
        assert (one["address"], one["web"]) == (ports.address(role), ports.web_url(role))
        assert 0 <= one["uptime_s"] < 60
        assert Path(one["log"]).stat().st_size > 0
    assert f"Ready: {ports.control_url}" in at_once(home, "status")

    before = pids(home)
    # Without a port it is the one that the data has.
    assert "Kudu is already up." in home.orch("kudu", "up").stdout
    assert pids(home) == before


@pytest.mark.kudu
def test_a_table_outlasts_down_and_a_killed_daemon(home: Home, ports: Ports) -> None:
    up(home, ports)
    columns = [{"column_name": "id", "column_type": "INT64"}]
    table = {
        "table_name": "kept",
        "schema": {"columns": columns, "key_column_names": ["id"]},
        "partition": {"hash_partitions": [{"columns": ["id"], "num_buckets": 2}]},
    }
    master = ports.address("master")
    tool(home, "table", "create", master, json.dumps(table))
    tool(home, "perf", "loadgen", master, "--table_name=kept", "--num_rows_per_thread=50")

    said = home.orch("kudu", "down").stdout
    for name in ("Stopped kudu-master (pid", "Stopped kudu-tserver (pid", "data stays"):
        assert name in said
    stopped = [one.state for one in cluster.status(home.folder).daemons]
    assert stopped == ["stopped", "stopped"]
    assert "No local Kudu was running." in at_once(home, "down")

    up(home, ports)
    rows = tool(home, "table", "scan", master, "kept", "--columns=id")
    assert "Total count 100 " in rows

    before = pids(home)
    os.kill(before["tserver"], signal.SIGKILL)
    wait_until(lambda: not _lives(before["tserver"]), "the tablet server's end")
    code, found = status(home)
    assert (code, found["ready"]) == (1, False)
    assert found["reason"].startswith("kudu-tserver not running, `orch kudu up`")
    assert [one["state"] for one in found["daemons"]] == ["running", "stopped"]
    assert up(home, ports).startswith("Starting kudu-tserver ...\n")
    after = pids(home)
    assert after["master"] == before["master"]
    assert after["tserver"] != before["tserver"]
    assert tool(home, "table", "scan", master, "kept", "--columns=id").count("(int64 id=") == 100


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.kudu
def test_down_ends_a_paused_daemon_and_no_process_that_is_another(
    home: Home, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    up(home, ports)
    place = place_of(home.folder)
    state = read_state(place)
    assert state
    # As if the pids were others' by now.
    others = tuple(Daemon(one.role, one.pid, one.started_s - 60) for one in state.daemons)
    write_state(place, State(state.port, others))
    assert "No local Kudu was running." in at_once(home, "down")
    assert all(_lives(one.pid) for one in state.daemons)

    write_state(place, state)
    master = psutil.Process(pids(home)["master"])
    master.suspend()
    wait_until(lambda: master.status() == psutil.STATUS_STOPPED, "the master's pause")
    found = cluster.status(home.folder)
    assert (found.ready, found.daemons[0].state) == (False, "running")
    assert "kudu-master does not answer" in str(found.reason)
    # As if it had been paused after it answered for its health.
    monkeypatch.setattr(readiness, "_is_healthy", lambda _: True)
    monkeypatch.setattr(readiness, "_TOOL_TIMEOUT_S", 1.0)
    assert (
        why_not_ready(ports, place) == f"kudu-master does not answer at {ports.address('master')}"
    )
    monkeypatch.undo()
    assert "Stopped kudu-master" in at_once(home, "down")
    assert not any(_lives(one.pid) for one in state.daemons)


@pytest.mark.kudu
def test_a_daemon_that_ends_while_it_starts_is_told_by_its_log(home: Home, ports: Ports) -> None:
    up(home, ports)
    at_once(home, "down")
    place = place_of(home.folder)
    # The master's address is in its data: with another it refuses to start.
    write_state(place, State(free_ports().master))
    try:
        done = home.orch("kudu", "up", check=False)
    finally:
        write_state(place, State(ports.master))

    assert done.returncode == 1
    assert "kudu-master ended while it started" in done.stderr
    assert str(place.log("master")) in done.stderr
    assert f"On-disk master: {ports.address('master')}" in done.stderr
    assert home.process_names() == []


@pytest.mark.kudu
def test_a_start_that_is_interrupted_leaves_nothing(
    home: Home, ports: Ports, own_signals: None
) -> None:
    up(home, ports)
    at_once(home, "down")
    tool_there = place_of(home.folder).binaries / "bin" / "kudu"
    # Without the tool that it asks by, it waits for as long as it may.
    tool_away = tool_there.rename(tool_there.with_name("away"))
    starting = subprocess.Popen(up_words(ports), env=home.environ)
    try:
        wait_until(lambda: "tserver" in pids(home), "both daemons started")
        starting.send_signal(signal.SIGINT)
        assert starting.wait(30) == 130
    finally:
        starting.kill()
        starting.wait()
        tool_away.rename(tool_there)

    assert home.process_names() == []
    assert pids(home) == {}


@pytest.mark.kudu
def test_two_at_once_start_one(home: Home, ports: Ports) -> None:
    both = [
        subprocess.Popen(up_words(ports), env=home.environ, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120)[0] for one in both]

    assert [one.returncode for one in both] == [0, 0]
    assert sum("Kudu is already up." in text for text in said) == 1
    assert sorted(home.process_names()) == ["kudu-master", "kudu-tserver"]


@pytest.mark.kudu
def test_the_flags_for_docker_start_a_kudu(one_home: Home, tmp_path: Path) -> None:
    """As the image's start script puts them together; in one network, without the container."""
    binaries, ports = kudu_home(), free_ports()
    services = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))["services"]
    # Where the tool for the wait is looked for.
    place = Place(tmp_path)
    place.binaries.symlink_to(binaries)
    with ExitStack() as stack:
        for role, option in zip(
            ROLES, ("--master_addresses", "--tserver_master_addrs"), strict=True
        ):
            environment = services[role]["environment"]
            flags = environment[f"{role.upper()}_ARGS"].replace("/opt/kudu", str(binaries))
            flags = flags.replace("/var/lib/kudu", str(tmp_path))
            for given, free in zip(all_of(Ports()), all_of(ports), strict=True):
                flags = flags.replace(f":{given}", f":{free}").replace(f"={given}", f"={free}")
            masters = f"{option}={environment['KUDU_MASTERS']}:{ports.master}"
            words = ["master", "run"] if role == "master" else ["tserver", "run"]
            process = subprocess.Popen(
                [str(binaries / "bin" / "kudu"), *words, masters, *shlex.split(flags)],
                env=daemon_environ(binaries, os.environ),
                cwd=tmp_path,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        wait_until(lambda: why_not_ready(ports, place) is None, "a Kudu by Docker's flags", 60)
        listed = tool(one_home, "tserver", "list", ports.address("master"), "-format=json")

    assert [one["uuid"] for one in json.loads(listed)]


@linux_only
def test_another_port_over_data_is_refused(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    place = place_of(home.folder)
    (place.data / "master" / "wal").mkdir(parents=True)
    write_state(place, State(7061))

    done = home.orch("kudu", "up", "--port", "7071", check=False)
    assert done.returncode == 1
    assert "a Kudu on port 7061" in done.stderr
    assert f"`orch kudu down`, then delete {place.data}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@linux_only
def test_taken_ports_are_all_named_before_anything_is_fetched(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    ports = free_ports()
    with listening(ports.rpc("tserver")), listening(ports.web("master")):
        done = home.orch("kudu", "up", "--port", str(ports.master), check=False)

    me = psutil.Process()
    assert done.returncode == 1
    for port in (ports.rpc("tserver"), ports.web("master")):
        assert f"{port} (by {me.name()}, pid {me.pid})" in done.stderr
    assert f" {ports.master} " not in done.stderr
    assert "another port by --port" in done.stderr
    assert [path.name for path in place_of(home.folder).root.iterdir()] == ["lock"]
    assert home.process_names() == []


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_where_there_are_no_binaries_docker_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ORCH_HOME", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: "arm64")

    result = CliRunner().invoke(main, ["kudu", command])
    assert result.exit_code == 1
    assert str(COMPOSE_FILE) in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("port", ["80", "64536", "x"])
def test_a_port_that_leaves_none_for_the_web_page_is_refused(port: str) -> None:
    assert CliRunner().invoke(main, ["kudu", "up", "--port", port]).exit_code == 2
