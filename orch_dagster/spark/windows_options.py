"""Tell which options of the driver's JVM and arguments of a script don't come through cmd. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from framework.contract.native_paths import quoted_path
from orch_dagster.spark.java_options import DRIVER_OPTIONS
from orch_dagster.toolchain.windows_paths import outside_code_page

_OPTIONS = ("spark.driver.defaultJavaOptions", DRIVER_OPTIONS)
# What Spark's launcher writes into the command that cmd then runs.
_LIBRARIES = "spark.driver.extraLibraryPath"
_ARGUMENTS = (*_OPTIONS, "spark.driver.extraClassPath", "spark.driver.memory", _LIBRARIES)
# As the launcher splits them: at spaces, but not in quotes.
_OPTION = re.compile(r'(?:[^\s"\']|"(?:\\.|[^"\\])*"|\'[^\']*\')+')
# What has one of these, the launcher puts in quotes, in which cmd reads ! and may read %NAME%.
_QUOTED = re.compile(r"[\s=,;]")
_READ_IN_QUOTES = re.compile(r"[!\r\n]|%[^%\s]+%")
_READ = re.compile(r"[!\r\n&|<>^]|%[^%\s]+%")
_READ_IN_ARGUMENTS = re.compile(r'[&|<>^%!"\r\n]')
_PATTERN = re.compile(r"[*?]")
# cmd's limit, and room for what Spark's launcher adds: Java, the class path, its own options.
_MOST_CHARACTERS = 8_191
_OF_LAUNCHER = 1_500
_INSTEAD = "give the script its values by a file or by variables"


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
            # The launcher sets the variable PATH to libraries without quotes.
            is_quoted = name != _LIBRARIES and _QUOTED.search(plain)
            pattern = _READ_IN_QUOTES if is_quoted else _READ
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


def argument_faults(arguments: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each argument of a script that would not arrive as it is.

    >>> print(*argument_faults(["2024", "a b*", "*.csv"]))
    argument 3 of the script: '*.csv' holds '*', which Java on Windows replaces by names of \
files: give the script its values by a file or by variables
    """
    for number, each in enumerate(arguments, start=1):
        if not each:
            fault = "is empty, and Spark's launcher for Windows drops it"
        elif special := _READ_IN_ARGUMENTS.search(each):
            fault = f"holds {special.group()!r}, which Windows' cmd would interpret"
        elif unknown := outside_code_page(each):
            fault = f"holds {unknown!r}, which is not in the code page of this Windows"
        # With a space it is passed on in quotes.
        elif (sign := _PATTERN.search(each)) and " " not in each:
            fault = f"holds {sign.group()!r}, which Java on Windows replaces by names of files"
        else:
            continue
        yield f"argument {number} of the script: {quoted_path(each)} {fault}: {_INSTEAD}"


def length_faults(argv: Sequence[str], properties: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence if a command is longer than cmd takes one.

    Args:
        argv: The command.
        properties: Those of a driver that is started by it.
    """
    # Each has a space before it, and may be put in quotes.
    options = [each for name in _ARGUMENTS for each in properties.get(name, "").split()]
    length = sum(len(each) + 3 for each in (*argv, *options))
    most = _MOST_CHARACTERS - _OF_LAUNCHER
    if length > most:
        yield (
            f"the command has {length:,} characters, and Windows' cmd takes {most:,} besides what "
            f"Spark adds: shorten the Java options and the arguments, or {_INSTEAD}"
        )
