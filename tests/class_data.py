"""A class-data archive of Spark for the tests' JVMs, most of which live a few seconds.

With it they need a third less time; nothing else is different.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from orch_dagster.toolchain.errors import SparkError
from orch_dagster.toolchain.find import find_java, find_spark

VARIABLE = "SPARK_SUBMIT_OPTS"

# What most landings do, so that most of the classes that they load are in the archive.
_SCRIPT = """
import sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[2]").getOrCreate()
spark.range(3).selectExpr("id", "'a' name").write.csv(sys.argv[1] + "/csv", header=True)
spark.read.csv(sys.argv[1] + "/csv", header=True).createOrReplaceTempView("row1")
rows = spark.sql("select name, count(*) n, '2024-05-15' biz_dt from row1 group by name")
rows.write.partitionBy("biz_dt").orc(sys.argv[1] + "/orc")
assert spark.read.orc(sys.argv[1] + "/orc").count() == 1
spark.stop()
"""


def archive_options(folder: Path) -> str:
    """The JVM's options that use the archive, which is made in `folder` where there is none.

    Empty where there is no Spark or no Java: the tests say so better than this. On Windows too,
    where Spark needs Hadoop's tools besides.
    """
    if sys.platform == "win32":
        return ""
    try:
        java, spark = find_java(os.environ), find_spark(os.environ)
    except SparkError:
        return ""
    # The JVM itself passes over an archive of other files than it has.
    made_of = f"{java.home}\0{java.version}\0{spark.home}\0{spark.version}"
    archive = folder / f"{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.jsa"
    if not archive.is_file():
        made = archive.with_name(f"{archive.name}.{os.getpid()}")
        environ = {
            **os.environ, "SPARK_HOME": str(spark.home), "JAVA_HOME": str(java.home),
            VARIABLE: f"-XX:ArchiveClassesAtExit={made}",
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as scratch:
            script = Path(scratch) / "land.py"
            script.write_text(_SCRIPT, encoding="utf-8")
            command = [spark.submit, "--conf", "spark.ui.enabled=false", script, scratch]
            subprocess.run(command, env=environ, check=True, capture_output=True)
        made.replace(archive)
    return f"-XX:SharedArchiveFile={archive}"
