"""The sources of jobs as external assets, upstream of the assets that they feed."""

from __future__ import annotations

import re
from collections.abc import Mapping

import dagster as dg

from framework.contract.context_params import Source
from framework.contract.visible import visible
from orch_dagster.defs.translator import asset_key, group_name, kind_tags
from orch_dagster.registry.jobs import JobSpec, Registry

_FIRST_PART = "sources"
_PLACEHOLDER = re.compile(r"\{([^:}]*)[^}]*\}")


class SourceAssets:
    """The external assets of a registry's sources.

    What a job of the registry lands is none: it is that job's asset.

    Args:
        registry: The jobs.
    """

    def __init__(self, registry: Registry) -> None:
        self._landed = {
            (sink.is_table, _normal(sink.path))
            for spec in registry.jobs.values()
            for sink in spec.context.sinks
        }
        keys = {asset_key(spec) for spec in registry.jobs.values()}
        self._specs: dict[dg.AssetKey, dg.AssetSpec] = {}
        self._keys: dict[str, list[dg.AssetKey]] = {}
        for spec in registry.jobs.values():
            for source in spec.context.sources:
                key = _key(source)
                if key is None or key in keys or self._is_landed(source):
                    continue
                self._specs.setdefault(key, _spec(key, source, spec))
                of_job = self._keys.setdefault(spec.job_name, [])
                if key not in of_job:
                    of_job.append(key)

    def inputs_of(self, spec: JobSpec) -> Mapping[str, dg.AssetKey]:
        """Return the keys of the assets that feed a job, by the names of its op's inputs."""
        keys = self._keys.get(spec.job_name, ())
        return {f"source_{number}": key for number, key in enumerate(keys)}

    def definitions(self) -> list[dg.AssetsDefinition]:
        """Return the definitions of all of them."""
        return [dg.AssetsDefinition(specs=[spec]) for spec in self._specs.values()]

    def _is_landed(self, source: Source) -> bool:
        path = _normal(source.path)
        folders = [path, *(path[:place] for place, each in enumerate(path) if each == "/")]
        return any((source.is_table, folder) in self._landed for folder in folders)


def _key(source: Source) -> dg.AssetKey | None:
    """Return the key of a source by its path, None if only an option names it."""
    path = _PLACEHOLDER.sub(r"\1", source.path)
    parts = [visible(part) for part in re.split(r"[/\\]+", path) if part.strip(".:")]
    return dg.AssetKey([_FIRST_PART, *parts]) if parts else None


def _spec(key: dg.AssetKey, source: Source, spec: JobSpec) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        group_name=group_name(spec),
        description=f"Source that jobs of {group_name(spec)} read",
        metadata={"path": visible(source.path), "format": visible(source.format)},
        tags=kind_tags([source.format]),
    )


def _normal(path: str) -> str:
    return re.sub(r"[/\\]+", "/", path).rstrip("/")
