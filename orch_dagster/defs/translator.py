"""A job's names and labels in Dagster, all decided here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache

import dagster as dg

from orch_dagster.registry.jobs import JobSpec
from orch_dagster.text import inert_markdown

# Dagster accepts no more as the last part of a tag's key, and a format may be a class name.
_TAG_VALUE = re.compile(r"[a-z0-9_.-]{1,48}")
_ANY_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_MOST_KINDS = 10

PARAM_BUNDLE_KEY = "param_bundle"
CONTROL_STORE_KEY = "control_store"
# A run's plan keeps the tags of its ops, also after the job is gone from the registry.
_JOB_ID_TAG = "orch/job_id"
_STORE_TAG = "orch/control_store"
# As a store's address shows its password.
_HIDDEN = ":***@"


def asset_key(spec: JobSpec) -> dg.AssetKey:
    """Return the key [entity, source_system, job_name], in lower case."""
    return dg.AssetKey([part.lower() for part in (*spec.group, spec.job_name)])


def group_name(spec: JobSpec) -> str:
    """Return the name of the job's group, also the name of the group's Dagster job."""
    return spec.group.name


def description(spec: JobSpec) -> str:
    """Return the description that Dagit shows of the job."""
    return inert_markdown(spec.comments or f"Landing job {spec.job_id}")


def with_warning(text: str, warning: str | None) -> str:
    """Return a description with a warning on Dagster's instance below it, if there is one."""
    return f"{text}\n\n**Warning:** {inert_markdown(warning)}" if warning else text


def op_tags(spec: JobSpec, store_address: str) -> Mapping[str, str]:
    """Return the tags of the job's op, by which the plan of each run names the job's id."""
    return {_JOB_ID_TAG: spec.job_id, _STORE_TAG: store_digest(store_address)}


def job_id_in(tags: Mapping[str, str], store_address: str | None) -> str | None:
    """Return the job_id that an op's tags name, or None if the job is not of that store."""
    if store_address is None or tags.get(_STORE_TAG) not in _digests(store_address):
        return None
    return tags.get(_JOB_ID_TAG)


def is_same_store(one: str, other: str) -> bool:
    """Return whether two addresses are of one store; only one of them may have a password."""
    return one.replace(_HIDDEN, "@") == other.replace(_HIDDEN, "@")


def _digests(store_address: str) -> set[str]:
    """Return the digests of a store, whether its URL has its user's password or another has it."""
    bare = store_address.replace(_HIDDEN, "@")
    return {store_digest(each) for each in (store_address, bare, bare.replace("@", _HIDDEN, 1))}


@cache
def store_digest(store_address: str) -> str:
    """Return a short text that stands for a control store."""
    return hashlib.sha256(store_address.encode()).hexdigest()[:12]


def asset_tags(spec: JobSpec) -> Mapping[str, str]:
    """Return the tags of the job's asset: its job_id and group, and its kinds.

    The kinds are Spark and the formats of its sinks and sources; Dagster takes ten. A value that
    Dagster takes for no tag is left out.
    """
    context = spec.context
    named = {
        "job_id": spec.job_id,
        "entity": context.entity,
        "source_system": context.source_system,
    }
    tags = {key: value for key, value in named.items() if _ANY_TAG_VALUE.fullmatch(value)}
    formats = [each.format for each in (*context.sinks, *context.sources)]
    return {**tags, **kind_tags(["spark", *formats])}


def kind_tags(kinds: Iterable[str]) -> Mapping[str, str]:
    """Return the tags of kinds, the first ten that Dagster accepts."""
    named = dict.fromkeys(kind.lower() for kind in kinds)
    accepted = [kind for kind in named if _TAG_VALUE.fullmatch(kind)]
    return {f"dagster/kind/{kind}": "" for kind in accepted[:_MOST_KINDS]}


def parent_input(number: int) -> str:
    """Return the name of the op's input that waits for its n-th parent."""
    return f"parent_{number}"
