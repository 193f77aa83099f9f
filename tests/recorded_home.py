"""A home that the version before made, unpacked as if it had been made here.

That version made it in /srv/landing. A chain landed for 2024-05-15. A run of 2024-05-16 failed, as
its file was missing. A second landing of 2024-05-15 died in its swap, with the old folder aside and
the new one not yet in.
"""

from __future__ import annotations

import json
import socket
import zipfile
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded" / "home_of_the_version_before.zip"
MADE_IN = "/srv/landing"
PARENT, CHILD = "etl_lnd_ins_sys_t_parent", "etl_lnd_ins_sys_t_child"
JOB_IDS = {PARENT: "J1", CHILD: "J2"}
JOURNAL = f"out/t_parent/_landing/{PARENT}/2024-05-15/journal.json"


def unpack(folder: Path) -> None:
    """Unpack the home to a folder; its paths and the journal's host become those of here."""
    with zipfile.ZipFile(RECORDED) as archive:
        archive.extractall(folder)
    for name in (".env", JOURNAL):
        file = folder / name
        text = file.read_text(encoding="utf-8").replace(MADE_IN, folder.as_posix())
        file.write_text(text, encoding="utf-8")
    journal = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
    journal["owner"]["host"] = socket.gethostname()
    (folder / JOURNAL).write_text(json.dumps(journal), encoding="utf-8")
