"""What of the options reaches kudu-python.

A mock stands for the binding: it is built against a library that no package registry has, so it
cannot be installed in CI. Where it is installed, the contract suite runs on the real one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orch_dagster.control.kudu.address import parse_address
from orch_dagster.control.kudu.driver import KuduCallError
from orch_dagster.control.kudu.native import NativeDriver


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What kudu.Client was given, by each connection."""
    given: list[dict[str, Any]] = []
    kudu, errors = ModuleType("kudu"), ModuleType("kudu.errors")

    class KuduException(Exception):
        pass

    class Client:
        def __init__(self, addresses: list[str], **options: Any) -> None:
            given.append({"addresses": addresses, **options})

        def list_tablet_servers(self) -> list[object]:
            raise KuduException(b"Timed out: nobody is there")

    kudu.Client = Client  # type: ignore[attr-defined]
    for number, name in enumerate(("OPTIONAL", "REQUIRED_REMOTE", "REQUIRED")):
        setattr(kudu, f"ENCRYPTION_{name}", number)
    errors.KuduException = KuduException  # type: ignore[attr-defined]
    for name in ("KuduNotFound", "KuduInvalidArgument", "KuduNotSupported"):
        setattr(errors, name, type(name, (KuduException,), {}))
    monkeypatch.setitem(sys.modules, "kudu", kudu)
    monkeypatch.setitem(sys.modules, "kudu.errors", errors)
    return given


def test_every_option_in_the_bindings_own_types(
    connected: list[dict[str, Any]], tmp_path: Path
) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("a certificate")
    url = (
        "kudu://a:1,b:2?timeout_s=10&require_authentication=true&encryption_policy=required"
        f"&sasl_protocol_name=impala&trusted_certificates={pem}"
    )

    # Its exceptions hold bytes.
    with pytest.raises(KuduCallError, match=r"^Timed out: nobody is there$"):
        NativeDriver(parse_address(url)).tablet_servers()

    assert connected == [
        {
            "addresses": ["a:1", "b:2"],
            "admin_timeout_ms": 4500,
            "rpc_timeout_ms": 9000,
            "sasl_protocol_name": b"impala",
            "require_authentication": True,
            "encryption_policy": 2,
            "trusted_certificates": ["a certificate"],
        }
    ]


def test_another_process_connects_anew(
    connected: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = NativeDriver(parse_address("kudu://a"))
    for pid in (1, 1, 2):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        with pytest.raises(KuduCallError):
            driver.tablet_servers()

    assert len(connected) == 2
