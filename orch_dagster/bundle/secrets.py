"""The secrets of a run, resolved from the references of sys_params right before the submit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

from framework.contract.secret_names import (
    ENV,
    FILE,
    PARAM_TYPE,
    SPARK_PREFIX,
    is_secret_ref,
)
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.job_environment import secret_variables
from orch_dagster.bundle.redact import RedactedBundle
from orch_dagster.control.records import SysParam
from orch_dagster.control.secret_rows import secret_ref_error
from orch_dagster.control.tables import JOB_MASTER, SYS_PARAMS
from orch_dagster.errors import OrchError
from orch_dagster.referenced_files import MAX_BYTES, ReferencedFiles
from orch_dagster.settings import Settings
from orch_dagster.text import Masker

# As SQLAlchemy reads a URL: before its @, where a slash may be too, and in its query.
_URL_PASSWORD = re.compile(r"^[^/]*://[^/@:]*:([^@]*)@|[?&](?:ssl)?password=([^&]*)")

Fault = tuple[str, str]
"""A place, and what is wrong there."""


class SecretError(OrchError):
    """Secrets of a job can't be resolved or passed on; the text holds none of their values."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{where}: {what}" for where, what in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Secrets:
    """The secrets that a job gets beside its bundle, and the mask that keeps them out of texts.

    Attributes:
        properties: Spark properties.
        variables: Environment variables of the driver.
        option_names: Options of sources and sinks that hold a secret.
        mask: Redacts in a text every secret of the job, and every other that a row names.
        of_others: The orchestrator's variables that hold secrets of other jobs only.
    """

    # repr=False keeps the secrets out of tracebacks and logs.
    properties: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    option_names: frozenset[str] = frozenset()
    mask: Masker = field(default_factory=Masker)
    of_others: frozenset[str] = frozenset()


def resolve_secrets(
    redacted: RedactedBundle,
    settings: Settings,
    environ: Mapping[str, str],
    all_rows: Sequence[SysParam] = (),
) -> Secrets:
    """Resolve the secrets of a run.

    Args:
        redacted: The job's parameters, and the secrets that were taken out of them.
        settings: They say where the files of `file:PATH` may be.
        environ: The variables that `env:NAME` refers to.
        all_rows: The rows of param_type secret of every job.

    Raises:
        SecretError: If a secret can't be resolved, a key can't be a secret's, or an option refers
            to no secret; names them all.
    """
    faults: list[Fault] = []
    resolved = _values(redacted.bundle.sys_params, settings.referenced_files, environ, faults)
    faults += _option_faults(redacted)
    if any(not _can_be_passed_on(value) for value in redacted.variables.values()):
        where = _job(redacted.bundle)
        faults.append((where, f"context_params: an option under a secret key {_NOT_PASSED}"))
    if faults:
        raise SecretError(faults)
    variables = {key: value for key, value in resolved.items() if not key.startswith(SPARK_PREFIX)}
    properties = {key: value for key, value in resolved.items() if key.startswith(SPARK_PREFIX)}
    taken = (*redacted.variables.values(), *redacted.properties.values())
    return Secrets(
        properties={**redacted.properties, **properties},
        variables={**variables, **redacted.variables},
        option_names=redacted.option_names,
        mask=Masker([*resolved.values(), *taken, *values_to_mask(all_rows, settings, environ)]),
        of_others=secret_variables(all_rows) - secret_variables(redacted.bundle.sys_params),
    )


def values_to_mask(
    rows: Iterable[SysParam], settings: Settings, environ: Mapping[str, str]
) -> list[str]:
    """Return what no run may show: the secrets of all rows, and the control store's password."""
    values = control_passwords(settings.control_url)
    for row in rows:
        value = row.param_value or ""
        if row.param_type != PARAM_TYPE:
            continue
        if not is_secret_ref(value):
            # Somebody has put the secret itself there; a longer one is no password.
            values += [value] if len(value) <= MAX_BYTES else []
            continue
        # The run that needs a missing one names it; here nobody has it, so none can be shown.
        with suppress(ValueError):
            values.append(_value(value, settings.referenced_files, environ))
    return values


def control_passwords(url: str) -> list[str]:
    """Return the passwords of ORCH_CONTROL_URL, each as it is and as the URL spells it."""
    found: list[str] = []
    for of_user, of_query in _URL_PASSWORD.findall(url):
        found += [unquote(of_user), of_user] if of_user else []
        found += [unquote_plus(of_query), of_query] if of_query else []
    return found


def secret_properties(
    rows: Iterable[SysParam], settings: Settings, environ: Mapping[str, str]
) -> dict[str, str]:
    """Resolve the Spark properties among the secrets of these rows.

    Raises:
        SecretError: If one can't be resolved; names them all.
    """
    faults: list[Fault] = []
    spark_rows = [row for row in rows if row.param_key.startswith(SPARK_PREFIX)]
    properties = _values(spark_rows, settings.referenced_files, environ, faults)
    if faults:
        raise SecretError(faults)
    return properties


def missing_secret(
    reference: str, files: ReferencedFiles, environ: Mapping[str, str]
) -> str | None:
    """Return why a reference has no secret in this process, None if it has one."""
    try:
        _value(reference, files, environ)
    except ValueError as error:
        return str(error)
    return None


_NOT_PASSED = "holds a NUL character or bytes that are not UTF-8, which can't be passed on"


def _values(
    rows: Iterable[SysParam],
    files: ReferencedFiles,
    environ: Mapping[str, str],
    faults: list[Fault],
) -> dict[str, str]:
    """Return param_key to the secret of each row of param_type secret; collect the faults."""
    values: dict[str, str] = {}
    for row in rows:
        if row.param_type != PARAM_TYPE:
            continue
        where = f"{SYS_PARAMS.name} ({SYS_PARAMS.key_text(row.to_row())})"
        if fault := secret_ref_error(row.param_key, row.param_value or ""):
            faults.append((where, fault))
            continue
        try:
            values[row.param_key] = _value(row.param_value or "", files, environ)
        except ValueError as error:
            faults.append((where, str(error)))
    return values


def _value(reference: str, files: ReferencedFiles, environ: Mapping[str, str]) -> str:
    """Return the secret of a reference.

    Raises:
        ValueError: If the secret is missing, or can't be passed on.
    """
    if reference.startswith(ENV):
        name = reference.removeprefix(ENV)
        value = environ.get(name, "")
        if not value:
            raise ValueError(
                f"the environment variable {name} is not set, or empty, in the process of the "
                f"run: set it for every process of Dagster and for orch"
            )
    else:
        name = reference.removeprefix(FILE).strip()
        value = files.read(name).rstrip("\r\n")
        if not value:
            raise ValueError(f"{files.home / name} is empty: put the secret there")
    if not _can_be_passed_on(value):
        raise ValueError(f"{reference} {_NOT_PASSED}")
    return value


def _can_be_passed_on(value: str) -> bool:
    """Return whether a variable and a property can hold the value, and a mask can find it."""
    return not re.search("[\0\ud800-\udfff]", value)


def _option_faults(redacted: RedactedBundle) -> Iterator[Fault]:
    """Yield a fault for each option that refers to a variable without a secret."""
    rows = redacted.bundle.sys_params
    known = {row.param_key for row in rows if row.param_type == PARAM_TYPE}
    for place, name in redacted.references:
        if name not in known or name.startswith(SPARK_PREFIX):
            yield (
                _job(redacted.bundle),
                f"context_params: {place} is {ENV}{name}, and no secret of sys_params has that "
                f"name: add a row of param_type secret whose param_key is {name}",
            )


def _job(bundle: ParamBundle) -> str:
    return f"{JOB_MASTER.name} (job_id={bundle.spec.job_id})"
