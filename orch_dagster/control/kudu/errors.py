"""Turn Kudu's statuses into store errors: transient or permanent, with a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from orch_dagster.control.kudu.probe import Answer, Probed
from orch_dagster.errors import (
    MissingTableError,
    PermanentStoreError,
    StoreError,
    TransientStoreError,
)

LOGIN_REMEDY = "this cluster requires another login or encryption: see Security in docs/kudu.md"

_CREATE = "run `orch init`, which creates what is missing"

# The first match wins.
_PERMANENT = (
    (
        re.compile(r"Not authorized|requires authentication|GSS initiate|SASL|TLS encryption"),
        LOGIN_REMEDY,
    ),
    (re.compile(r"^Not found"), _CREATE),
    (
        re.compile(r"^(Invalid argument|Already present|Not supported|Illegal state|Corruption)"),
        "if the table is not as `orch init` creates it, repair or rename it",
    ),
)
_TRANSIENT = re.compile(
    r"^(Timed out|Network error|Service unavailable|Aborted|Incomplete|IO error)"
)
_RETRY = "check that masters and tablet servers are up and reachable (`orch doctor`), and try again"


def explained(
    text: str,
    store: str,
    table: str | None,
    *,
    detail: str = "",
    probe: Callable[[], Sequence[Probed]] = tuple,
) -> StoreError:
    """Return the store error for an error of Kudu, with its remedy.

    Args:
        text: Kudu's text, which begins with the status.
        store: The store's address.
        table: The table in question, or None.
        detail: An addition to the text, such as the row.
        probe: Probes the masters' sockets if the client had no answer: the Java client reports
            neither that nothing listens nor that its login was refused.
    """
    message = text + detail
    for sign, remedy in _PERMANENT:
        if sign.search(text):
            kind = MissingTableError if remedy == _CREATE else PermanentStoreError
            return kind(f"{message}; {remedy}", store=store, table=table)
    if not _TRANSIENT.search(text):
        return PermanentStoreError(message, store=store, table=table)
    failed = [probed for probed in probe() if probed.answer is not Answer.KUDU]
    if failed:
        message += f" ({'; '.join(map(str, failed))})"
    if any(probed.answer is Answer.UNAUTHORIZED for probed in failed):
        return PermanentStoreError(f"{message}; {LOGIN_REMEDY}", store=store, table=table)
    return TransientStoreError(f"{message}; {_RETRY}", store=store, table=table)
