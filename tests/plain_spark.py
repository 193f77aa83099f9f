"""A Spark without Spark: its spark-submit runs a job's script by Python, and starts no JVM.

For jobs that open no session. Everything around the script is real: the process and its tree, its
pipes, its exit code.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SUBMIT = """#!{python}
import os, sys

# Options go in pairs; the script and its arguments come after them.
words, options = sys.argv[1:], {{}}
while words[0].startswith("--"):
    options[words[0]], words = words[1], words[2:]
path = [*options.get("--py-files", "").split(","), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
os.execv(sys.executable, [sys.executable, *words])
"""


def plain_spark(folder: Path) -> Path:
    """Lay out what is looked for in a SPARK_HOME, for ORCH_SPARK_HOME."""
    for name in ("bin", "jars"):
        (folder / name).mkdir(parents=True)
    (folder / "jars" / "spark-core_2.12-3.5.8.jar").touch()
    submit = folder / "bin" / "spark-submit"
    submit.write_text(_SUBMIT.format(python=sys.executable), encoding="utf-8")
    submit.chmod(0o755)
    return folder
