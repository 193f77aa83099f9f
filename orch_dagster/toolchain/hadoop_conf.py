"""Read where YARN and HDFS are from the files of HADOOP_CONF_DIR, and ask whether they answer."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from framework.contract.comma_list import comma_names
from framework.contract.variables import HADOOP_CONF_DIRS

YARN_FILES = ("core-site.xml", "yarn-site.xml")

_NAME_NODE_PORT = 8020
_MANAGER_PORT = 8032
_ANSWER_WITHIN_S = 3.0
# Hadoop follows so many.
_MOST_REFERENCES = 20
_REFERENCE = re.compile(r"\$\{([^{}]+)\}")


def conf_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return the folders of Hadoop's configuration that the environment names."""
    named = (environ.get(name, "").strip() for name in HADOOP_CONF_DIRS)
    return [Path(each) for each in dict.fromkeys(named) if each]


def read_conf(folders: Iterable[Path]) -> dict[str, str]:
    """Return the properties of the site files, those of a later folder first.

    Raises:
        OSError: If a file can't be read.
        ValueError: If one is not XML.
    """
    conf: dict[str, str] = {}
    for folder in reversed([*folders]):
        for name in ("core-site.xml", "hdfs-site.xml", "yarn-site.xml"):
            file = folder / name
            if file.is_file():
                conf |= _properties(file)
    return {name: _resolved(value, conf) for name, value in conf.items()}


def resource_managers(conf: Mapping[str, str], kind: str = "address") -> list[str]:
    """Return HOST:PORT of each resource manager, as many as there are in high availability.

    >>> resource_managers({"yarn.resourcemanager.hostname": "rm"})
    ['rm:8032']

    Args:
        conf: The properties of the site files.
        kind: The end of the property's name, such as `webapp.address`.
    """
    port = _MANAGER_PORT if kind == "address" else 8088
    start = "yarn.resourcemanager"
    ids = comma_names(conf.get(f"{start}.ha.rm-ids")) if _is_on(conf, f"{start}.ha.enabled") else ()
    found: list[str] = []
    for end in [f".{each}" for each in ids] or [""]:
        host = conf.get(f"{start}.hostname{end}", "")
        address = conf.get(f"{start}.{kind}{end}") or (f"{host}:{port}" if host else "")
        if address:
            found.append(_with_port(address, port))
    return found


def name_nodes(url: str, conf: Mapping[str, str]) -> list[str]:
    """Return HOST:PORT of each name node of an HDFS URL; none for another file system.

    >>> name_nodes("hdfs://ns/data", {"dfs.ha.namenodes.ns": "a,b",
    ...     "dfs.namenode.rpc-address.ns.a": "n1:8020", "dfs.namenode.rpc-address.ns.b": "n2:8020"})
    ['n1:8020', 'n2:8020']
    """
    if not url.startswith("hdfs://"):
        return []
    name = url.removeprefix("hdfs://").partition("/")[0].rpartition("@")[2]
    if not name:
        # By the default file system.
        default = conf.get("fs.defaultFS", "")
        return name_nodes(default, conf) if default.startswith("hdfs://") and default != url else []
    ids = comma_names(conf.get(f"dfs.ha.namenodes.{name}"))
    addresses = [conf.get(f"dfs.namenode.rpc-address.{name}.{each}", "") for each in ids]
    return [each for each in addresses if each] or [_with_port(name, _NAME_NODE_PORT)]


def answering(addresses: Iterable[str]) -> dict[str, str | None]:
    """Ask each HOST:PORT, and return why it does not answer; None if it does."""
    asked = [*dict.fromkeys(addresses)]
    if not asked:
        return {}
    with ThreadPoolExecutor(len(asked)) as pool:
        return dict(zip(asked, pool.map(_silence, asked), strict=True))


def _silence(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_WITHIN_S):
            return None
    except (OSError, ValueError) as error:
        return str(error.strerror or error) if isinstance(error, OSError) else str(error)


def _properties(file: Path) -> dict[str, str]:
    # Here, as a run that has no Hadoop reads no XML.
    from xml.etree import ElementTree

    try:
        root = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{file} is not XML: {error}") from error
    return {
        name.strip(): (each.findtext("value") or "").strip()
        for each in root.iter("property")
        if (name := each.findtext("name"))
    }


def _resolved(value: str, conf: Mapping[str, str]) -> str:
    """Return a value with its references, such as ${yarn.resourcemanager.hostname}, replaced."""
    for _ in range(_MOST_REFERENCES):
        found = _REFERENCE.search(value)
        if found is None or found[1] not in conf:
            break
        value = value.replace(found[0], conf[found[1]])
    return value


def _is_on(conf: Mapping[str, str], name: str) -> bool:
    return conf.get(name, "").strip().lower() == "true"


def _with_port(address: str, port: int) -> str:
    return address if re.search(r":\d+$", address) else f"{address}:{port}"
