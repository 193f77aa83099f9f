"""Check the rows of sys_params that hold a setting, before anything uses them."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framework.contract.comma_list import comma_names
from framework.contract.secret_names import PARAM_TYPE as SECRET_TYPE
from framework.contract.secret_names import is_secret
from framework.contract.system_settings import PARAM_TYPE, SYSTEM_SETTINGS, unknown_key
from orch_dagster.control.records import SysParam
from orch_dagster.toolchain.spark_names import (
    is_property,
    option_remedy,
    prefix_remedy,
    property_remedy,
)
from orch_dagster.toolchain.spark_values import lost_ends, starts_in_a_cluster, value_fault

SettingCheck = Callable[[str, "str | None"], "str | None"]
"""Takes a known param_key and a param_value; returns what is wrong with the value, or None."""


SPARK_TYPE = "spark"
MASTER = "spark.master"
DEPLOY_MODE = "spark.submit.deployMode"
YARN_TAGS = "spark.yarn.tags"
OWN_TAGS = "orch-"
"""The start of each of the orchestrator's own tags, but for that of the run."""

# YARN takes ten. Those of a run are its own, of the attempt, of the job and of the dates.
_MOST_TAGS = 6
# An underscore in a host's name is no URL to Java, so that Spark takes no such master.
_HOST_AND_PORT = r"([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):\d{1,5}"
_MASTER = re.compile(
    r"yarn|local(\[\s*(\d+|\*)\s*(,\s*\d+\s*)?\])?|local-cluster\[[\d\s,]+\]"
    rf"|spark://{_HOST_AND_PORT}(,{_HOST_AND_PORT})*|(k8s|mesos)://.+",
    re.ASCII,
)
_PARAM_TYPES = (SPARK_TYPE, PARAM_TYPE, SECRET_TYPE)


@dataclass(frozen=True)
class SysParamFault:
    """A fault of a row.

    Attributes:
        column: The column at fault.
        reason: The fault, in a sentence.
        is_warning: Whether the row may be right all the same.
        is_tolerated: True for a warning on a stored row that `orch apply` refuses in a given one.
    """

    column: str
    reason: str
    is_warning: bool = False
    is_tolerated: bool = False


def check_value(key: str, value: str | None) -> str | None:
    """Return what is wrong with a value by the contract alone: no file, no Dagster."""
    return SYSTEM_SETTINGS[key].error(value)


def system_fault(
    row: SysParam, check: SettingCheck = check_value, platform: str = sys.platform
) -> SysParamFault | None:
    """Return what is wrong with a row of param_type system or spark, or of a misspelt param_type.

    An unknown param_type is a warning only, and so is an unknown key that resembles no setting, as
    a job's own script may read either. `orch apply` refuses a misspelt param_type.

    Args:
        row: Any row of sys_params.
        check: Checks the value.
        platform: The system on which the jobs run.
    """
    if row.param_type == SPARK_TYPE:
        return _spark_fault(row.param_key, row.param_value or "", platform)
    if row.param_type != PARAM_TYPE:
        return _type_fault(row.param_type or "", row.param_key)
    if is_property(row.param_key) and row.param_key not in SYSTEM_SETTINGS:
        reason = f"{row.param_key} is a property of Spark: write param_type {SPARK_TYPE}"
        return SysParamFault("param_type", reason)
    if unknown := unknown_key(row.param_key):
        return SysParamFault("param_key", str(unknown), unknown.is_own)
    error = check(row.param_key, row.param_value)
    return SysParamFault("param_value", f"param_value: {error}") if error else None


def _spark_fault(key: str, value: str, platform: str) -> SysParamFault | None:
    if fault := property_fault(key, value):
        return SysParamFault("param_key", f"{key} {fault}")
    if fault := value_fault(key, value):
        reason = f"param_value: {key} {fault}"
        # In cluster mode, or with another version of Spark, a job may run with it.
        is_wrong = not starts_in_a_cluster(key, value)
        return SysParamFault("param_value", reason, is_warning=True, is_tolerated=is_wrong)
    if remedy := option_remedy(key) or property_remedy(key):
        reason = f"{key} is not a property of Spark: {remedy}"
        return SysParamFault("param_key", reason, is_warning=True)
    if lost := lost_ends(key, value, platform, is_secret=is_secret(key, value)):
        return SysParamFault("param_value", f"{key}: {lost}", is_warning=True)
    return None


def property_fault(name: str, value: str) -> str | None:
    """Return why no spark-submit can take a Spark property, or None."""
    if not name.startswith("spark."):
        remedy = prefix_remedy(name)
        return "does not begin with 'spark.', so spark-submit would ignore it" + (
            f": {remedy}" if remedy else ""
        )
    if re.search(r"[\s=\x00]", name):
        return "has a space or an equals sign in its name"
    if "\x00" in value:
        return "has a NUL character in its value"
    if value and name == DEPLOY_MODE and not is_deploy_mode(value):
        return f"is {value[:60]!r}: set it to client or cluster"
    if value and name == MASTER and value.strip().lower() in ("yarn-client", "yarn-cluster"):
        mode = value.strip().lower().removeprefix("yarn-")
        return f"is {value!r}: set it to yarn, and {DEPLOY_MODE} to {mode}"
    if value and name == MASTER and not is_master(value):
        return f"is {value[:60]!r}: set it to local[N], spark://HOST:PORT, yarn or k8s://URL"
    return _tags_fault(comma_names(value)) if name == YARN_TAGS else None


def _tags_fault(tags: Sequence[str]) -> str | None:
    """Return why tags of one's own can't be those of an application, or None."""
    if any(tag.lower().startswith(OWN_TAGS) for tag in tags):
        return f"has a tag that begins with {OWN_TAGS!r}, by which applications are found and ended"
    if len(tags) > _MOST_TAGS or any(not tag.isascii() or len(tag) > 100 for tag in tags):
        return f"may have {_MOST_TAGS} tags of 100 ASCII characters, as YARN takes ten with a run's"
    return None


def is_deploy_mode(text: str) -> bool:
    """Return whether spark-submit knows a deploy mode."""
    return text.strip().lower() in ("client", "cluster")


def is_master(text: str) -> bool:
    """Return whether spark-submit knows a master of this form.

    >>> [is_master(each) for each in ("local[2,4]", "spark://a:7077,b:7077", "spark://a", "YARN")]
    [True, True, False, False]
    """
    return _MASTER.fullmatch(text.strip()) is not None


def _type_fault(param_type: str, key: str) -> SysParamFault | None:
    if param_type in _PARAM_TYPES:
        return None
    if not param_type:
        meant = PARAM_TYPE if key in SYSTEM_SETTINGS else SPARK_TYPE if is_property(key) else None
        known = f"write {meant}" if meant else f"known: {', '.join(_PARAM_TYPES)}"
        reason = f"param_type is missing, so the row has no effect; {known}"
        return SysParamFault("param_type", reason, is_warning=True, is_tolerated=bool(meant))
    word = param_type.strip().lower()
    near = difflib.get_close_matches(word, _PARAM_TYPES, n=1)
    # A script's own type may resemble one, as `script` does `secret`.
    is_misspelt = bool(difflib.get_close_matches(word, _PARAM_TYPES, n=1, cutoff=0.8))
    known = f"did you mean {near[0]}?" if near else f"known: {', '.join(_PARAM_TYPES)}"
    reason = f"param_type {param_type[:60]!r} has no effect; {known}"
    return SysParamFault("param_type", reason, is_warning=True, is_tolerated=is_misspelt)
