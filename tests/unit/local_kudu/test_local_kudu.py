"""What the local Kudu is made of; its processes are in tests/services/cli/test_kudu.py."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from orch_dagster.local_kudu.cluster import COMPOSE_FILE, check_platform, unpack
from orch_dagster.local_kudu.daemons import (
    CLOCK_FLAGS,
    MASTER_FLAGS,
    daemon_argv,
    daemon_environ,
    find_process,
)
from orch_dagster.local_kudu.errors import LocalKuduError
from orch_dagster.local_kudu.place import Place, place_of
from orch_dagster.local_kudu.ports import ROLES, Ports, Role
from orch_dagster.local_kudu.readiness import tail
from orch_dagster.local_kudu.state import Daemon, State, read_state, write_state
from orch_dagster.toolchain.jars import KUDU_BINARY, KUDU_VERSION

FOLDER = KUDU_BINARY.file_name.removesuffix(".jar")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_of(tmp_path)


class TestCommands:
    def test_the_master(self) -> None:
        place = Place(Path("/h/.orch/kudu"))

        argv = daemon_argv("master", Ports(7051), place)
        assert [word.replace(os.sep, "/") for word in argv] == [
            f"/h/.orch/kudu/{FOLDER}/bin/kudu-master",
            "--rpc_bind_addresses=127.0.0.1:7051",
            "--webserver_interface=127.0.0.1",
            "--webserver_port=8051",
            "--master_addresses=127.0.0.1:7051",
            "--default_num_replicas=1",
            "--use_hybrid_clock=true",
            "--time_source=system_unsync",
            "--unlock_unsafe_flags",
            "--logtostderr",
            "--log_dir=/h/.orch/kudu/logs",
            "--enable_minidumps=false",
            f"--webserver_doc_root=/h/.orch/kudu/{FOLDER}/www",
            "--fs_wal_dir=/h/.orch/kudu/data/master/wal",
            "--fs_data_dirs=/h/.orch/kudu/data/master/data",
        ]

    def test_the_tablet_server_where_it_differs(self, place: Place) -> None:
        master, tserver = (daemon_argv(role, Ports(7151), place) for role in ROLES)

        assert {*tserver} - {*master} == {
            str(place.binaries / "bin" / "kudu-tserver"),
            "--rpc_bind_addresses=127.0.0.1:7150",
            "--webserver_port=8150",
            "--tserver_master_addrs=127.0.0.1:7151",
            f"--fs_wal_dir={place.root / 'data' / 'tserver' / 'wal'}",
            f"--fs_data_dirs={place.root / 'data' / 'tserver' / 'data'}",
        }

    def test_the_environment_is_the_callers_and_kudus_libraries(self) -> None:
        given = {"PATH": "/bin", "LD_LIBRARY_PATH": "/mine"}
        found = daemon_environ(Path("/k"), given)

        assert found["PATH"] == "/bin"
        assert Path(found["LD_LIBRARY_PATH"]) == Path("/k/lib")
        assert Path(found["SASL_PATH"]) == Path("/k/lib/sasl2")
        assert given["LD_LIBRARY_PATH"] == "/mine"


@pytest.mark.parametrize(
    ("system", "machine"), [("darwin", "arm64"), ("linux", "aarch64"), ("win32", "AMD64")]
)
def test_another_system_is_told_of_docker(system: str, machine: str) -> None:
    with pytest.raises(LocalKuduError) as told:
        check_platform(system, machine)

    assert f'docker compose -f "{COMPOSE_FILE}" up -d' in str(told.value)
    assert COMPOSE_FILE.is_absolute()
    assert COMPOSE_FILE.is_file()


def test_linux_on_x86_64_is_taken() -> None:
    check_platform("linux", "x86_64")


class TestState:
    def test_there_and_back(self, place: Place) -> None:
        assert read_state(place) is None
        state = State(7061, (Daemon("master", 12, 1.5), Daemon("tserver", 13, 2.25)))
        write_state(place, state)
        assert read_state(place) == state

    def test_one_daemon(self, place: Place) -> None:
        state = State(7051, (Daemon("tserver", 13, 2.25),))
        write_state(place, state)
        assert read_state(place) == state

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "{}",
            '{"port": 7051}',
            '{"port": "x", "daemons": {}}',
            '{"port": 80, "daemons": {}}',
            '{"port": 7051, "daemons": {"master": 12}}',
            '{"port": 7051, "daemons": {"master": {"pid": 12}}}',
            '{"port": 7051, "daemons": {"master": {"pid": -1, "started_s": 2.0}}}',
        ],
    )
    def test_what_was_spoilt_is_named(self, place: Place, text: str) -> None:
        place.root.mkdir(parents=True)
        place.state_file.write_text(text)

        with pytest.raises(LocalKuduError, match=r"state\.json cannot be read"):
            read_state(place)

    @pytest.mark.skipif(sys.platform != "linux", reason="there are daemons on Linux only")
    def test_a_pid_of_another_program_is_no_daemon(self) -> None:

        me = psutil.Process()
        started_s = me.create_time() - psutil.boot_time()
        assert find_process(Daemon("master", os.getpid(), started_s)) is None
        assert find_process(Daemon("master", 4_000_000, started_s)) is None


class TestUnpack:
    def jar(self, folder: Path, size: int = 10_000) -> Path:
        jar = folder / KUDU_BINARY.file_name
        with zipfile.ZipFile(jar, "w") as archive:
            archive.writestr(f"{FOLDER}/bin/kudu-master", os.urandom(size))
            archive.writestr(f"{FOLDER}/lib/x.so", b"x")
        return jar

    def test_programs_can_be_run(self, tmp_path: Path, place: Place) -> None:
        unpack(self.jar(tmp_path), place.binaries)

        assert os.access(place.binaries / "bin" / "kudu-master", os.X_OK)
        assert (place.binaries / "lib" / "x.so").read_bytes() == b"x"
        assert [*place.root.iterdir()] == [place.binaries]

    def test_half_an_artifact_leaves_nothing(self, tmp_path: Path, place: Place) -> None:
        jar = self.jar(tmp_path)
        jar.write_bytes(jar.read_bytes()[:5_000])

        with pytest.raises(LocalKuduError, match="delete that file"):
            unpack(jar, place.binaries)
        assert [*place.root.iterdir()] == []

    def test_a_spoilt_artifact_leaves_nothing(self, tmp_path: Path, place: Place) -> None:
        jar = self.jar(tmp_path)
        spoilt = bytearray(jar.read_bytes())
        spoilt[5_000] ^= 1
        jar.write_bytes(spoilt)

        with pytest.raises(LocalKuduError, match="delete that file"):
            unpack(jar, place.binaries)
        assert [*place.root.iterdir()] == []

    def test_another_artifact_is_refused(self, tmp_path: Path, place: Place) -> None:
        jar = tmp_path / "other.jar"
        with zipfile.ZipFile(jar, "w") as archive:
            archive.writestr("other/bin/x", b"x")

        with pytest.raises(LocalKuduError, match=r"other\.jar could not be unpacked"):
            unpack(jar, place.binaries)


def test_the_tail_is_of_sentences(tmp_path: Path) -> None:
    log = tmp_path / "master.log"
    said = [f"I1124 said {number}" for number in range(9)]
    stack = ["F1124 Check failed: no", "*** Check failure stack trace: ***"]
    addresses = [f"    @     0x7f00000{number:03}  (unknown)" for number in range(20)]
    log.write_text("\n".join([*said, *stack, *addresses, ""]))

    assert tail(log).split("\n") == [f"  {line}" for line in [*said[-3:], *stack]]


class TestCompose:
    @pytest.fixture
    def services(self) -> dict[Role, dict[str, Any]]:
        return yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))["services"]

    def flags(self, services: dict[Role, dict[str, Any]], role: Role) -> list[str]:
        return services[role]["environment"][f"{role.upper()}_ARGS"].split()

    def test_both_daemons_and_no_more(self, services: dict[Role, dict[str, Any]]) -> None:
        assert [*services] == [*ROLES]
        for role in ROLES:
            assert services[role]["image"].startswith(f"apache/kudu:{KUDU_VERSION}-")
            assert services[role]["command"] == [role]
            assert services[role]["environment"]["KUDU_MASTERS"] == "127.0.0.1"

    def test_one_network_with_all_ports_on_loopback(
        self, services: dict[Role, dict[str, Any]]
    ) -> None:
        ports = Ports()
        wanted = {port for role in ROLES for port in (ports.rpc(role), ports.web(role))}

        assert wanted == {7050, 7051, 8050, 8051}
        assert {*services["master"]["ports"]} == {f"127.0.0.1:{port}:{port}" for port in wanted}
        assert services["tserver"]["network_mode"] == "service:master"
        assert "ports" not in services["tserver"]

    @pytest.mark.parametrize("role", ROLES)
    def test_the_flags_are_those_of_orch_kudu_up(
        self, services: dict[Role, dict[str, Any]], role: Role
    ) -> None:
        ports, flags = Ports(), self.flags(services, role)

        assert {*CLOCK_FLAGS, *(MASTER_FLAGS if role == "master" else ())} <= {*flags}
        assert f"--rpc_bind_addresses=0.0.0.0:{ports.rpc(role)}" in flags
        assert f"--rpc_advertised_addresses={ports.address(role)}" in flags
        assert f"--webserver_port={ports.web(role)}" in flags
        assert len({flag.partition("=")[0] for flag in flags}) == len(flags)

    def test_data_outlives_the_containers(self, services: dict[Role, dict[str, Any]]) -> None:
        volumes = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))["volumes"]

        for role in ROLES:
            assert services[role]["volumes"] == [f"{role}:/var/lib/kudu"]
            assert f"--fs_wal_dir=/var/lib/kudu/{role}" in self.flags(services, role)
        assert [*volumes] == [*ROLES]


def test_the_state_is_for_people_too(place: Place) -> None:
    write_state(place, State(7051, (Daemon("master", 12, 1.5),)))

    assert json.loads(place.state_file.read_text()) == {
        "port": 7051,
        "daemons": {"master": {"pid": 12, "started_s": 1.5}},
    }
