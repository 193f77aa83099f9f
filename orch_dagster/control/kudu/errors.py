"""What Kudu's statuses mean to a user: whether another try may help, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from orch_dagster.control.kudu.probe import Answer, Probed
from orch_dagster.errors import PermanentStoreError, StoreError, TransientStoreError

LOGIN_REMEDY = "this cluster wants another login or encryption: see Security in docs/kudu.md"

# By what the text starts with or says, first match wins.
_PERMANENT = (
    (
        re.compile(r"Not authorized|requires authentication|GSS initiate|SASL|TLS encryption"),
        LOGIN_REMEDY,
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


def explained(
    text: str,
    store: str,
    table: str | None,
    *,
    detail: str = "",
    look: Callable[[], Sequence[Probed]] = tuple,
) -> StoreError:
    """The error as one of ours, with its remedy.

    Args:
        text: As Kudu says it, its status first.
        store: The store's address.
        table: The table in question, if one was.
        detail: What to say after the text, such as which row it was.
        look: Asks the masters' sockets where the client has no answer: the Java client says
            neither that nothing listens nor that its login was refused.
    """
    said = text + detail
    for sign, remedy in _PERMANENT:
        if sign.search(text):
            return PermanentStoreError(f"{said}; {remedy}", store=store, table=table)
    if not _TRANSIENT.search(text):
        return PermanentStoreError(said, store=store, table=table)
    amiss = [probed for probed in look() if probed.answer is not Answer.KUDU]
    if amiss:
        said += f" ({'; '.join(map(str, amiss))})"
    if any(probed.answer is Answer.UNAUTHORIZED for probed in amiss):
        return PermanentStoreError(f"{said}; {LOGIN_REMEDY}", store=store, table=table)
    return TransientStoreError(f"{said}; {_RETRY}", store=store, table=table)
