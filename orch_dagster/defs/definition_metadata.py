"""The metadata of a job's asset before any run, mostly under Dagster's own keys."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import dagster as dg

from framework.contract.context_params import Sink
from framework.contract.paths import as_location, resolve
from framework.contract.visible import visible
from orch_dagster.files import first_file
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings

# The page of an asset is loaded with it.
_HQL_CHARACTERS = 20_000
_PLACEHOLDER = re.compile(r"\{[^}]*\}")


class JobFiles:
    """The files of jobs, each read once.

    Args:
        settings: The settings of the home.

    Attributes:
        base: The data root, where relative paths start, as a location.
        references: Returns Dagster's references to files, given with their labels.
    """

    def __init__(self, settings: Settings) -> None:
        self.base = as_location(settings.base_dir)
        self._hql = cache(partial(_found, settings.hql_path))
        self._script = cache(partial(_found, settings.jobs_path))
        self.references = cache(_code_references)

    def hql(self, spec: JobSpec) -> tuple[Path, str] | None:
        """Return the job's HQL file and its text, None if it has none that can be read."""
        return self._hql(spec.context.hql)

    def script(self, spec: JobSpec) -> tuple[Path, str] | None:
        """Return the job's script and its text, None if it is elsewhere or can't be read."""
        return self._script(spec.script_path)

    def code_version(self, spec: JobSpec) -> str:
        """Return a text that changes with the job's parameters, its HQL and its script."""
        texts = (found[1] for found in (self.hql(spec), self.script(spec)) if found)
        digest = hashlib.sha256(repr(spec.context).encode())
        for text in texts:
            digest.update(b"\0" + text.encode())
        return digest.hexdigest()[:12]


def _found(folders: tuple[Path, ...], name: str | None) -> tuple[Path, str] | None:
    try:
        file = first_file(folders, name) if name else None
        return (file, file.read_text(encoding="utf-8-sig")) if file else None
    except (OSError, ValueError):
        # Its runs fail, and say why.
        return None


def definition_metadata(
    spec: JobSpec, files: JobFiles, *, with_hql: bool, with_links: bool
) -> Mapping[str, Any]:
    """Return the metadata of a job that is known before any run.

    Args:
        spec: The job.
        files: The files of jobs.
        with_hql: Whether the text of the HQL is shown; the texts of thousands would take long.
        with_links: Whether Dagster's own keys name the table and the files as well; of ten thousand
            jobs they are a fifth of what the code server sends.
    """
    context = spec.context
    texts = {
        "script": spec.script_path,
        "hql": context.hql,
        "sources": ", ".join(f"{source.format} {source.path}" for source in context.sources),
        "sinks": ", ".join(f"{sink.format} {sink.path}" for sink in context.sinks),
    }
    metadata: dict[str, Any] = {name: visible(text) for name, text in texts.items() if text}
    hql = files.hql(spec)
    if with_links:
        metadata |= _of_sink(context.sinks[0], files.base) if context.sinks else {}
        named = (("HQL", hql), ("script", files.script(spec)))
        if found := tuple((label, each[0]) for label, each in named if each):
            metadata["dagster/code_references"] = files.references(found)
    if with_hql and hql:
        metadata["hql_text"] = dg.MetadataValue.md(_fenced(hql[1][:_HQL_CHARACTERS]))
    return metadata


def _code_references(files: tuple[tuple[str, Path], ...]) -> dg.CodeReferencesMetadataValue:
    with warnings.catch_warnings():
        # Dagster warns that they are beta; without them Dagit shows no file.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(file), line_number=1, label=label)
                for label, file in files
            ]
        )


def _of_sink(sink: Sink, base: str) -> dict[str, str]:
    """Return Dagster's keys of a table, for the first sink."""
    # The last part of a path that names no date.
    parts = [part for part in sink.path.split("/") if part and not _PLACEHOLDER.search(part)]
    name = sink.path if sink.is_table else ".".join(parts[-2:])
    named = {
        "dagster/table_name": name,
        "dagster/storage_kind": sink.format.lower(),
        # As its landings report it.
        "dagster/uri": "" if sink.is_table else resolve(base, sink.path),
    }
    return {key: visible(text) for key, text in named.items() if text}


def _fenced(text: str) -> str:
    """Return a text as a Markdown block that nothing in it ends."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}sql\n{text.rstrip()}\n{fence}"
