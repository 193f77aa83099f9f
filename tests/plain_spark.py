"""A Spark without Spark: its spark-submit runs a job's script by Python, and starts no JVM.

For jobs that open no session. Everything around the script is real: the process and its tree, its
pipes, its exit code.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyspark

_SUBMIT = """#!{python}{options}
import os, sys

# Options go in pairs; the script and its arguments come after them.
words, options = sys.argv[1:], {{}}
while words[0].startswith("--"):
    options[words[0]], words = words[1], words[2:]
path = [*options.get("--py-files", "").split(","), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
os.execv(sys.executable, [sys.executable, *"{options}".split(), *words])
"""


def plain_spark(folder: Path, options: str = "") -> Path:
    """Lay out what is looked for in a SPARK_HOME, for ORCH_SPARK_HOME.

    Args:
        folder: Where it is to be.
        options: Options of Python, as one word: -S spares what a script of its library alone needs.
    """
    for name in ("bin", "jars"):
        (folder / name).mkdir(parents=True)
    (folder / "jars" / "spark-core_2.12-3.5.8.jar").touch()
    # The Java client of Kudu takes it from there.
    for jar in (Path(pyspark.__file__).parent / "jars").glob("slf4j-*.jar"):
        (folder / "jars" / jar.name).symlink_to(jar)
    submit = folder / "bin" / "spark-submit"
    text = _SUBMIT.format(python=sys.executable, options=f" {options}".rstrip())
    submit.write_text(text, encoding="utf-8")
    submit.chmod(0o755)
    return folder
