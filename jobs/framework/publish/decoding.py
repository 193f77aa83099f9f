"""Read a journal, and refuse one that is damaged, of a newer version or not of its place."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar, cast

from framework.contract.context_params import BIZ_DT
from framework.contract.paths import from_folder, is_absolute, is_within, parent
from framework.publish.journal import (
    FILE,
    FOLDER,
    LANDING,
    PATHS,
    STATES,
    VERSION,
    WRITTEN_AT,
    Journal,
    Move,
    landing_folder,
)
from framework.publish.processes import LockOwner

MAX_BYTES = 1024 * 1024

# Its paths were absolute.
_FIRST_VERSION = 1
_NEEDED = ("version", "job_name", BIZ_DT, "owner", "state", "moves")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "int | None": (int, type(None)),
    "float | None": (float, int, type(None)),
    "str | None": (str, type(None)),
}
# In a text that is no JSON, as it was cut off or damaged.
_STATE = re.compile(rb'"state":\s*"(\w+)"')
_CONTROL = re.compile(r"[\0-\x1f]")
_LARGEST_PID = 2**32 - 1
_SHOWN = 80
_SHOWN_PATH = 500
_T = TypeVar("_T")


class TornJournalError(ValueError):
    """The text ends before a journal does; its state, as far as it is there, is staging."""


class JournalFaultError(ValueError):
    """The content can't be obeyed; `is_newer` if a newer version of the framework wrote it."""

    def __init__(self, fault: str, *, is_newer: bool = False) -> None:
        self.is_newer = is_newer
        super().__init__(fault)


def decode(data: bytes, location: str, roots: Sequence[str] = ()) -> Journal:
    """Return the journal in `data`, the content of `location` or its first bytes.

    Raises:
        TornJournalError: If its first write was cut off.
        JournalFaultError: If it is anything else than a journal of a known version, was copied here
            although its paths are absolute, or would move what does not belong to its landing.
    """
    document = _parsed(data)
    version = document.get("version")
    if type(version) is not int or version < _FIRST_VERSION:
        raise JournalFaultError(f"the journal's version is {_shown(version)}, which never was one")
    if version > VERSION:
        raise JournalFaultError(
            f"the journal's version is {version}, and this framework reads up to {VERSION}",
            is_newer=True,
        )
    _check_keys(document, {*_NEEDED, WRITTEN_AT, LANDING}, _NEEDED, "the journal")
    state = document["state"]
    if state not in STATES:
        raise JournalFaultError(f"the journal's state is {_shown(state)}, which is unknown")
    folder = parent(location)
    journal = Journal(
        job_name=_text(document["job_name"], "the journal's job_name"),
        biz_dt=_text(document[BIZ_DT], f"the journal's {BIZ_DT}"),
        owner=_owner(document["owner"]),
        state=state,
        moves=_moves(document["moves"], folder),
        roots=tuple(roots),
        landing=_text(document[LANDING], "the journal's landing") if LANDING in document else None,
    )
    if [journal.job_name, journal.biz_dt] != folder.split("/")[-2:]:
        raise JournalFaultError(
            f"the journal is of {_shown(journal.job_name)} {_shown(journal.biz_dt)}, not of the "
            f"job and date of its folder; its state is {state}"
        )
    if journal.landing and journal.landing_at(location).split("/")[-4::3] != [FOLDER, FILE]:
        raise JournalFaultError(f"the lock leads to {_shown(journal.landing)}, which is no journal")
    if journal.moves:
        _check_moves(journal, document, folder)
    elif state != "staging":
        raise JournalFaultError(f"the journal's state is {state}, and it has no moves")
    return journal


def _parsed(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise JournalFaultError(f"the journal has more than {MAX_BYTES} bytes, so it is not one")
    try:
        document: object = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        states = {state.decode() for state in _STATE.findall(data)} - {"staging"}
        if states:
            raise JournalFaultError(
                f"the journal is damaged; its state was {_shown(' or '.join(sorted(states)))}"
            ) from error
        raise TornJournalError(str(error)) from error
    except JournalFaultError:
        raise
    except (ValueError, RecursionError) as error:
        raise JournalFaultError(f"the journal is damaged: {_shown(str(error))}") from error
    if not isinstance(document, dict):
        raise JournalFaultError(f"the journal is damaged: it is {_shown(document)}")
    return cast("dict[str, Any]", document)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise JournalFaultError("the journal is damaged: it has a key twice")
    return document


def _refuse_constant(constant: str) -> None:
    raise JournalFaultError(f"the journal is damaged: it holds {constant}")


def _check_keys(document: object, known: Collection[str], needed: Sequence[str], what: str) -> None:
    if not isinstance(document, dict):
        raise JournalFaultError(f"{what} is {_shown(document)}, which is no object")
    keys = set(cast("dict[str, Any]", document))
    if unknown := sorted(keys.difference(known)):
        raise JournalFaultError(
            f"{what} has {_shown(', '.join(unknown))}, which a newer version wrote", is_newer=True
        )
    if missing := [key for key in needed if key not in keys]:
        raise JournalFaultError(f"{what} has no {', '.join(missing)}")


def _record(kind: type[_T], document: object, what: str) -> _T:
    """Return a dataclass of the values in `document`, each of its declared type."""
    declared = {each.name: each for each in fields(cast("Any", kind))}
    needed = [name for name, each in declared.items() if each.default is MISSING]
    _check_keys(document, declared, needed, what)
    values = cast("dict[str, Any]", document)
    for name, value in values.items():
        if type(value) not in _TYPES[str(declared[name].type)]:
            raise JournalFaultError(f"{what} has {_shown(value)} as {name}")
        if isinstance(value, str):
            _text(value, f"{what}.{name}")
    return kind(**values)


def _text(value: object, what: str) -> str:
    """Return a text that can be part of a path and of a message."""
    if not isinstance(value, str) or not value or _CONTROL.search(value):
        raise JournalFaultError(f"{what} is {_shown(value)}")
    try:
        # Windows' names may have half a character, which os.fsencode lets pass there.
        value.encode(sys.getfilesystemencoding(), "surrogateescape")
    except UnicodeEncodeError as error:
        raise JournalFaultError(f"{what} is {_shown(value)}") from error
    return value


def _owner(document: object) -> LockOwner:
    owner = _record(LockOwner, document, "the journal's owner")
    if not 0 < owner.pid <= _LARGEST_PID:
        raise JournalFaultError(f"the journal's owner has {_shown(owner.pid)} as pid")
    return owner


def _moves(documents: object, folder: str) -> tuple[Move, ...]:
    if not isinstance(documents, list):
        raise JournalFaultError(f"the journal's moves are {_shown(documents)}")
    moves: list[Move] = []
    for place, document in enumerate(cast("list[object]", documents)):
        move = _record(Move, document, f"the journal's moves[{place}]")
        paths = (from_folder(folder, getattr(move, name)) for name in PATHS)
        moves.append(Move(*paths, had_target=move.had_target))
    return tuple(moves)


def _check_moves(journal: Journal, document: Mapping[str, Any], folder: str) -> None:
    """Refuse moves of another place than the journal's, and those of what is not a landing's."""
    state = f"its state is {journal.state}"
    here = from_folder(folder, ".")
    first, *others = [is_absolute(move["target"]) for move in document["moves"]]
    beside = _folder_of(journal, journal.moves[0])
    if first and beside != here:
        raise JournalFaultError(f"{_copied(beside, here)}; {state}")
    tree = parent(journal.moves[0].target)
    for move in journal.moves:
        problem = ""
        if journal.roots and not any(
            is_within(move.target, root) for root in (tree, *journal.roots)
        ):
            problem = "leads outside of the data root and of the job's sinks"
        elif beside != here or not _is_of_landing(journal, move):
            problem = f"is not a move of a landing of {journal.job_name} {journal.biz_dt} there"
        if problem:
            target = _shown(move.target, _SHOWN_PATH)
            raise JournalFaultError(f"the journal's move of {target} {problem}; {state}")
    if len({move.target for move in journal.moves}) < len(journal.moves):
        raise JournalFaultError(f"the journal moves a folder twice; {state}")
    written_at = document.get(WRITTEN_AT)
    if any(others) and document["version"] != _FIRST_VERSION and written_at != here:
        raise JournalFaultError(f"{_copied(written_at, here)}; {state}")


def _copied(written_at: object, here: str) -> str:
    return (
        f"the journal was written at {_shown(written_at, _SHOWN_PATH)} and copied or moved to "
        f"{here}, and it has absolute paths"
    )


def _is_of_landing(journal: Journal, move: Move) -> bool:
    name = move.target.rpartition("/")[2]
    day = f"{BIZ_DT}="
    return (
        parent(move.work) == _folder_of(journal, move)
        and parent(move.old) == move.work
        and is_within(move.new, move.work)
        and move.new not in (move.work, move.old)
        and name not in ("", FOLDER)
        and (not name.startswith(day) or name == f"{day}{journal.biz_dt}")
    )


def _folder_of(journal: Journal, move: Move) -> str:
    return landing_folder(move.target, journal.job_name, journal.biz_dt)


def _shown(value: object, most: int = _SHOWN) -> str:
    """Return a value as a short text without control characters."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
