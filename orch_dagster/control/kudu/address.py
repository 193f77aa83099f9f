"""Parse a kudu:// URL: its masters, driver, limits and security."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from orch_dagster.errors import SettingsError

Driver = Literal["native", "jvm"]
EncryptionPolicy = Literal["optional", "required_remote", "required"]

KUDU_FORM = "kudu://HOST:7051[,HOST:7051…][?driver=native|jvm]"
DEFAULT_PORT = 7051
DEFAULT_TIMEOUT_S = 10.0

# The expression of RFC 3986, appendix B: urlsplit of newer Pythons refuses a bracketed address in
# a list.
_URL = re.compile(
    r"kudu://(?P<masters>[^/?#]*)(?P<path>[^?#]*)(\?(?P<query>[^#]*))?(#(?P<fragment>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class KuduAddress:
    """A Kudu cluster and how to connect to it.

    Attributes:
        masters: ``host:port`` of each master.
        driver: native or jvm; None for native if kudu-python can be imported, else jvm.
        timeout_s: The limit of one call.
        replicas: Of the tables that `orch init` creates; None for 3 with 3 tablet servers, else 1.
        require_authentication: Refuse a cluster that does not authenticate.
        encryption_policy: Which traffic has to be encrypted.
        sasl_protocol_name: The service name of the masters' Kerberos principal.
        trusted_certificates: A PEM file of certificates to trust in addition to those that the
            cluster gives to an authenticated client.
    """

    masters: tuple[str, ...]
    driver: Driver | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    replicas: int | None = None
    require_authentication: bool = False
    encryption_policy: EncryptionPolicy = "optional"
    sasl_protocol_name: str = "kudu"
    trusted_certificates: Path | None = None

    @property
    def text(self) -> str:
        """The masters as a URL, which identifies the store in messages."""
        return f"kudu://{','.join(self.masters)}"

    @property
    def timeout_ms(self) -> int:
        """The client's part of timeout_s; the remainder is for probing why it had no answer."""
        return round(self.timeout_s * 900)

    @property
    def probe_timeout_s(self) -> float:
        """The limit of a probe, for its connection and again for its answer."""
        return self.timeout_s * 0.05


def parse_address(url: str) -> KuduAddress:
    """Return the address that a kudu:// URL names.

    Raises:
        SettingsError: If it has faults; the message lists all.
    """
    unreadable = f"ORCH_CONTROL_URL can't be read as a URL; it takes {KUDU_FORM}"
    parts = _URL.fullmatch(url)
    if parts is None:
        raise SettingsError(unreadable)
    query = parts["query"] or ""
    try:
        options = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise SettingsError(unreadable) from error
    problems: list[str] = []
    if parts["path"].strip("/") or parts["fragment"]:
        problems.append(
            f"it names {parts['path'] or parts['fragment']!r}, and Kudu's tables have no folder"
        )
    names = [name for name, _ in options]
    problems += [
        f"the option {name} is given twice" for name in sorted({*names}) if names.count(name) > 1
    ]
    if "@" in parts["masters"]:
        # The text before it may be a password, so it is not repeated.
        problems.append("Kudu takes no user and password in its URL, see docs/kudu.md for Kerberos")
        masters = []
    else:
        masters = parts["masters"].split(",")
    return make_address(masters, dict(options), "ORCH_CONTROL_URL", problems)


def make_address(
    masters: Sequence[str],
    options: Mapping[str, str],
    where: str,
    problems: Sequence[str] = (),
) -> KuduAddress:
    """Build the address from masters, and from options as text.

    Args:
        masters: ``host`` or ``host:port`` of each.
        options: By the names of KuduAddress's attributes.
        where: Their origin, with which the message begins.
        problems: Faults that are known already.

    Raises:
        SettingsError: If there are faults; the message lists all.
    """
    faults = [*problems]
    addresses = [_master(master, faults) for master in masters]
    if not masters and not problems:
        faults.append("it names no master")
    values: dict[str, Any] = {}
    for name, text in options.items():
        if name not in _OPTIONS:
            faults.append(f"unknown option {name!r}; known: {', '.join(_OPTIONS)}")
            continue
        try:
            values[name] = _OPTIONS[name](text)
        except ValueError as error:
            faults.append(f"option {name}={text!r}: {error}")
    if faults:
        raise SettingsError(f"{where}: {'; '.join(faults)}; as a URL: {KUDU_FORM}")
    return KuduAddress(masters=tuple(addresses), **values)


def _master(text: str, problems: list[str]) -> str:
    match = _HOST.fullmatch(text.strip())
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65_536:
        problems.append(f"{text!r} is not a master such as host:{DEFAULT_PORT}")
        return text
    return f"{match['host']}:{port}"


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"takes {' or '.join(allowed)}")
        return text.lower()

    return read


def _seconds(text: str) -> float:
    seconds = float(text)
    # Less than a round trip always times out; the clients keep milliseconds in 32 bits.
    if not 0.1 <= seconds <= 86_400:
        raise ValueError("takes 0.1 to 86400 seconds")
    return seconds


def _replicas(text: str) -> int:
    number = int(text)
    if number not in (1, 3, 5, 7):
        raise ValueError("takes 1, 3, 5 or 7, as Kudu does")
    return number


def _service(text: str) -> str:
    if not text:
        raise ValueError("takes the service name of the masters' principal, such as kudu")
    return text


def _pem_file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError("is not a file; it takes one with certificates in PEM")
    return path


_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "driver": _one_of("native", "jvm"),
    "timeout_s": _seconds,
    "replicas": _replicas,
    "require_authentication": lambda text: _one_of("true", "false")(text) == "true",
    "encryption_policy": _one_of("optional", "required_remote", "required"),
    "sasl_protocol_name": _service,
    "trusted_certificates": _pem_file,
}
