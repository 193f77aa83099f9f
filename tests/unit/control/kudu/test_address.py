"""A kudu:// URL: what it means, and everything that is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.kudu import connect as drivers
from orch_dagster.control.kudu.address import KuduAddress, parse_address
from orch_dagster.control.kudu.connect import choose_driver
from orch_dagster.errors import SettingsError


def test_masters_and_defaults() -> None:
    address = parse_address("kudu://a.example:7051,b:17051,[::1],127.0.0.1")

    assert address == KuduAddress(("a.example:7051", "b:17051", "[::1]:7051", "127.0.0.1:7051"))
    assert address.timeout_s == 10
    assert address.text == "kudu://a.example:7051,b:17051,[::1]:7051,127.0.0.1:7051"


def test_every_option(tmp_path: Path) -> None:
    pem = tmp_path / "ca certificate.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n")

    address = parse_address(
        "kudu://a?driver=jvm&timeout_s=2.5&replicas=3&require_authentication=true"
        "&encryption_policy=REQUIRED_REMOTE&sasl_protocol_name=impala"
        f"&trusted_certificates={str(pem).replace(' ', '%20')}"
    )

    assert address == KuduAddress(
        ("a:7051",), "jvm", 2.5, 3, True, "required_remote", "impala", pem
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("kudu://", "'' is not a master such as host:7051"),
        ("kudu://a,,b", "'' is not a master"),
        ("kudu://a:0", "'a:0' is not a master"),
        ("kudu://a:70510", "'a:70510' is not a master"),
        ("kudu://a:port", "'a:port' is not a master"),
        ("kudu://a b", "'a b' is not a master"),
        ("kudu://a/tables", "it names '/tables'"),
        ("kudu://a#x", "it names 'x'"),
        ("kudu://a?driver=odbc", "option driver='odbc': takes native or jvm"),
        ("kudu://a?drivr=jvm", "unknown option 'drivr'; known: driver, timeout_s"),
        ("kudu://a?driver", "can't be read as a URL"),
        ("kudu://a?timeout_s=soon", "option timeout_s='soon'"),
        ("kudu://a?timeout_s=0", "option timeout_s='0': takes 0.1 to 86400 seconds"),
        ("kudu://a?timeout_s=nan", "option timeout_s='nan'"),
        ("kudu://a?replicas=2", "option replicas='2': takes 1, 3, 5 or 7"),
        ("kudu://a?require_authentication=yes", "takes true or false"),
        ("kudu://a?encryption_policy=some", "takes optional or required_remote or required"),
        ("kudu://a?sasl_protocol_name=", "takes the service name"),
        ("kudu://a?trusted_certificates=/no/such.pem", "is not a file"),
        ("kudu://a?driver=jvm&driver=native", "the option driver is given twice"),
    ],
)
def test_what_is_wrong_is_named(url: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        open_store(url, tmp_path)

    assert str(caught.value).startswith("ORCH_CONTROL_URL")
    assert problem in str(caught.value)
    assert "kudu://HOST:7051" in str(caught.value)


def test_all_that_is_wrong_is_named_at_once_and_no_password() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_address("kudu://orch:s3cret@a/x?driver=odbc&colour=red")

    for part in (
        "no user and password",
        "it names '/x'",
        "driver='odbc'",
        "unknown option 'colour'",
    ):
        assert part in str(caught.value)
    assert "s3cret" not in str(caught.value)


class TestChooseDriver:
    """Which of the two clients is taken; what is installed here is the test's to say."""

    @pytest.fixture
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        names: set[str] = set()
        for name, looks in (("native", "_native_error"), ("jvm", "_jvm_error")):
            why = getattr(drivers, looks)

            def look(name: str = name, why: object = why) -> str | None:
                return None if name in names else f"driver={name} is missing"

            monkeypatch.setattr(drivers, looks, look)
        return names

    @pytest.mark.parametrize(
        ("there", "named", "chosen"),
        [
            ({"native", "jvm"}, None, "native"),
            ({"jvm"}, None, "jvm"),
            ({"native"}, None, "native"),
            ({"native", "jvm"}, "jvm", "jvm"),
            ({"native", "jvm"}, "native", "native"),
        ],
    )
    def test_native_first_unless_one_is_named(
        self, installed: set[str], there: set[str], named: str | None, chosen: str
    ) -> None:
        installed |= there
        query = f"?driver={named}" if named else ""

        assert choose_driver(parse_address(f"kudu://a{query}")) == chosen

    def test_the_one_that_is_named_is_not_replaced(self, installed: set[str]) -> None:
        installed.add("jvm")

        with pytest.raises(SettingsError, match="driver=native is missing"):
            choose_driver(parse_address("kudu://a?driver=native"))

    def test_neither_names_both(self, installed: set[str]) -> None:
        with pytest.raises(SettingsError, match="driver=jvm is missing; or driver=native is"):
            choose_driver(parse_address("kudu://a"))


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    # Python's own way of saying that an import must fail.
    for name in ("kudu", "kudu.client", "jpype"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(SettingsError) as caught:
        choose_driver(parse_address("kudu://a"))

    assert 'Java 17 and pip install "orch_dagster[kudu]"' in str(caught.value)
    assert 'pip install "orch_dagster[kudu-native]"' in str(caught.value)


def test_windows_has_no_native_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")

    with pytest.raises(SettingsError, match="does not exist for Windows, take driver=jvm"):
        choose_driver(parse_address("kudu://a?driver=native"))
