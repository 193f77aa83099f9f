"""Tell which options of the driver's JVM don't come through cmd. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from orch_dagster.spark.java_options import DRIVER_OPTIONS
from orch_dagster.toolchain.windows_paths import outside_code_page

_OPTIONS = ("spark.driver.defaultJavaOptions", DRIVER_OPTIONS)
# What Spark's launcher writes into the command that cmd then runs.
_ARGUMENTS = (*_OPTIONS, "spark.driver.extraClassPath", "spark.driver.memory")
# As the launcher splits them: at spaces, but not in quotes.
_OPTION = re.compile(r'(?:[^\s"\']|"(?:\\.|[^"\\])*"|\'[^\']*\')+')
# What has one of these, the launcher puts in quotes, in which cmd reads ! and may read %NAME%.
_QUOTED = re.compile(r"[\s=,;]")
_READ_IN_QUOTES = re.compile(r"[!\r\n]|%[^%\s]+%")
_READ = re.compile(r"[!\r\n&|<>^]|%[^%\s]+%")


def option_faults(properties: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each option of the driver that cmd or Java would change.

    >>> print(*option_faults({"spark.driver.extraJavaOptions": "-Da=x&y -Db=wow!"}))
    spark.driver.extraJavaOptions: '-Db=wow!' holds '!', which Windows' cmd would interpret: put \
the option into the environment variable JDK_JAVA_OPTIONS instead
    """
    for name in _ARGUMENTS:
        value = properties.get(name, "")
        for each in _OPTION.findall(value) if name in _OPTIONS else [value]:
            # Without the quotes at which it is split.
            plain = re.sub("[\"']", "", each)
            pattern = _READ_IN_QUOTES if _QUOTED.search(plain) else _READ
            if special := pattern.search(each):
                fault = f"holds {special.group()!r}, which Windows' cmd would interpret"
            elif unknown := outside_code_page(each):
                fault = f"holds {unknown!r}, which is not in the code page of this Windows"
            else:
                continue
            remedy = (
                "put the option into the environment variable JDK_JAVA_OPTIONS instead"
                if name in _OPTIONS
                else "choose another value"
            )
            yield f"{name}: '{each}' {fault}: {remedy}"
