"""What Spark's own UI and event log hide: `spark.redaction.regex`, made to cover more names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from framework.contract.secret_names import SPARK_REDACTION_DEFAULT

REDACTION = "spark.redaction.regex"

# Under what is left Hadoop's part of the page and the log lists a property.
_PREFIX = re.compile(r"spark\.(hadoop\.)?")


def covering(regex: str | None, names: Iterable[str]) -> str:
    """Return a regular expression of Java that finds what `regex` does, and each of the names.

    A name is found at the end of a longer one too, after a dot: Spark knows the variable NAME of a
    driver on YARN as spark.yarn.appMasterEnv.NAME.

    Args:
        regex: The one that holds so far; None for Spark's default.
        names: Of properties, variables and options.
    """
    ends = sorted({re.escape(_PREFIX.sub("", name, count=1)) for name in names})
    # In any case of letters, as Spark itself lowers the names of options.
    return f"(?:{regex or SPARK_REDACTION_DEFAULT})|(?i:(?:^|[.])(?:{'|'.join(ends)})$)"
