"""A job's names and labels in Dagster; decided here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping

import dagster as dg

from orch_dagster.registry.jobs import JobSpec

# What Dagster takes as the last part of a tag's key; a format may be the name of a class.
_TAG_VALUE = re.compile(r"[a-z0-9_.-]{1,48}")

PARAM_BUNDLE_KEY = "param_bundle"
CONTROL_STORE_KEY = "control_store"


def asset_key(spec: JobSpec) -> dg.AssetKey:
    """[entity, source_system, job_name], in lower case."""
    context = spec.context
    return dg.AssetKey(
        [context.entity.lower(), context.source_system.lower(), spec.job_name.lower()]
    )


def group_name(spec: JobSpec) -> str:
    """Return the name of the job's group, which also the group's job has."""
    return spec.group.name


def description(spec: JobSpec) -> str:
    """What the page says of the job."""
    return spec.comments or f"Landing job {spec.job_id}"


def kinds(spec: JobSpec) -> Mapping[str, str]:
    """Badges: Spark, and the format of its first sink where a badge can hold it."""
    formats = [sink.format.lower() for sink in spec.context.sinks[:1]]
    formats = [name for name in formats if _TAG_VALUE.fullmatch(name)]
    return {f"dagster/kind/{kind}": "" for kind in ("spark", *formats)}


def definition_metadata(spec: JobSpec) -> Mapping[str, str]:
    """What is known of the job before any run."""
    context = spec.context
    known = {
        "job_id": spec.job_id,
        "script": spec.script_path,
        "hql": context.hql,
        "sources": ", ".join(f"{source.format} {source.path}" for source in context.sources),
        "sinks": ", ".join(f"{sink.format} {sink.path}" for sink in context.sinks),
    }
    return {name: value for name, value in known.items() if value}


def parent_input(number: int) -> str:
    """Name of the op's input that waits for its n-th parent."""
    return f"parent_{number}"
