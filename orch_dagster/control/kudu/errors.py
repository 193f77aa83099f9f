"""What Kudu's statuses mean to a user: whether another try may help, and what to do."""

from __future__ import annotations

import re

from orch_dagster.errors import PermanentStoreError, StoreError, TransientStoreError

# By what the text starts with or says, first match wins.
_PERMANENT = (
    (
        re.compile(r"Not authorized|authenticat|GSS|SASL|token|encryption", re.IGNORECASE),
        "this cluster wants another login or encryption: see Security in docs/kudu.md",
    ),
    (re.compile(r"^Not found"), "run `orch init`, which creates what is missing"),
    (
        re.compile(r"^(Invalid argument|Already present|Not supported|Illegal state|Corruption)"),
        "if the table is not as `orch init` makes it, mend it or rename it",
    ),
)
_TRANSIENT = re.compile(
    r"^(Timed out|Network error|Service unavailable|Aborted|Incomplete|IO error)"
)
_RETRY = (
    "look whether masters and tablet servers are up and reachable (`orch doctor`), and try again"
)


def explained(text: str, store: str, table: str | None) -> StoreError:
    """The error as one of ours, with its remedy.

    Args:
        text: As Kudu says it, its status first.
        store: The store's address.
        table: The table in question, if one was.
    """
    for sign, remedy in _PERMANENT:
        if sign.search(text):
            return PermanentStoreError(f"{text}; {remedy}", store=store, table=table)
    if _TRANSIENT.search(text):
        return TransientStoreError(f"{text}; {_RETRY}", store=store, table=table)
    return PermanentStoreError(text, store=store, table=table)
