"""Tell which options of the driver's JVM and arguments of a script don't come through cmd. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from framework.contract.native_paths import quoted_path
from framework.contract.variables import HADOOP_CONF_DIRS
from orch_dagster.spark.java_options import ALL_DRIVER_OPTIONS
from orch_dagster.toolchain.windows_paths import outside_code_page

# What Spark's launcher writes into the command that cmd then runs.
_LIBRARIES = "spark.driver.extraLibraryPath"
_ARGUMENTS = (*ALL_DRIVER_OPTIONS, "spark.driver.extraClassPath", "spark.driver.memory", _LIBRARIES)
_SUBMIT_OPTIONS = "SPARK_SUBMIT_OPTS"
_ON_CLASS_PATH = ("SPARK_CONF_DIR", *HADOOP_CONF_DIRS, "SPARK_DIST_CLASSPATH")
# As the launcher splits them: at spaces, but not in quotes.
_OPTION = re.compile(r'(?:[^\s"\']|"(?:\\.|[^"\\])*"|\'[^\']*\')+')
# What has one of these, the launcher puts in quotes, in which cmd reads ! and may read %NAME%.
_QUOTED = re.compile(r"[\s=,;]")
_READ_IN_QUOTES = re.compile(r"[!\r\n]|%[^%\s]+%")
_READ = re.compile(r"[!\r\n&|<>^]|%[^%\s]+%")
_READ_ON_CLASS_PATH = re.compile(r'[!"\r\n]|%[^%\s]+%')
_READ_IN_ARGUMENTS = re.compile(r'[&|<>^%!"\r\n]')
_PATTERN = re.compile(r"[*?]")
# As Windows' C runtime reads TZ: of its name three letters; it takes any that follow the hours for
# summer time, which it changes on the days of the United States.
_ZONE = re.compile(r"[A-Za-z]{3}([+-]?\d{1,2}(:\d{2}){0,2})?")
_ZONES_OF_STATES = ("EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT")
# cmd's limit, and room for what Spark's launcher adds besides the folders of Java and Spark.
_MOST_CHARACTERS = 8_191
_OF_LAUNCHER = 400
_INSTEAD = "give the script its values by a file or by variables"


def option_faults(properties: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each option of the driver that cmd or Java would change.

    >>> print(*option_faults({"spark.driver.extraJavaOptions": "-Da=x&y -Db=wow!"}))
    spark.driver.extraJavaOptions: '-Db=wow!' holds '!', which Windows' cmd would interpret: put \
the option into the environment variable JDK_JAVA_OPTIONS instead
    """
    for name in _ARGUMENTS:
        value = properties.get(name, "")
        if name in ALL_DRIVER_OPTIONS:
            yield from _java_option_faults(name, value)
            continue
        # The launcher sets the variable PATH to libraries without quotes.
        pattern = _READ if name == _LIBRARIES else _pattern_of(value)
        if fault := _fault(value, pattern):
            yield f"{name}: '{value}' {fault}: choose another value"


def variable_faults(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable of which Spark's launcher makes a part of the command.

    >>> print(*variable_faults({"HADOOP_CONF_DIR": "D:/x!"}))
    HADOOP_CONF_DIR: 'D:/x!' holds '!', which Windows' cmd would interpret: choose another folder
    """
    for name in _ON_CLASS_PATH:
        value = environ.get(name, "")
        # The class path is in quotes.
        if fault := _fault(value, _READ_ON_CLASS_PATH):
            yield f"{name}: '{value}' {fault}: choose another folder"
    yield from _java_option_faults(_SUBMIT_OPTIONS, environ.get(_SUBMIT_OPTIONS, ""))


def _java_option_faults(name: str, value: str) -> Iterator[str]:
    for each in _OPTION.findall(value):
        # Without the quotes at which it is split.
        if fault := _fault(each, _pattern_of(re.sub("[\"']", "", each))):
            yield (
                f"{name}: '{each}' {fault}: put the option into the environment variable "
                "JDK_JAVA_OPTIONS instead"
            )


def _pattern_of(plain: str) -> re.Pattern[str]:
    return _READ_IN_QUOTES if _QUOTED.search(plain) else _READ


def _fault(text: str, pattern: re.Pattern[str]) -> str | None:
    if special := pattern.search(text):
        return f"holds {special.group()!r}, which Windows' cmd would interpret"
    if unknown := outside_code_page(text):
        return f"holds {unknown!r}, which is not in the code page of this Windows"
    return None


def argument_faults(arguments: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each argument of a script that would not arrive as it is.

    >>> print(*argument_faults(["2024", "a b*", "*.csv"]))
    argument 3 of the script: '*.csv' holds '*', which Java on Windows replaces by names of \
files: give the script its values by a file or by variables
    """
    for number, each in enumerate(arguments, start=1):
        fault = _fault(each, _READ_IN_ARGUMENTS)
        if not each:
            fault = "is empty, and Spark's launcher for Windows drops it"
        # With a space it is passed on in quotes.
        elif not fault and (sign := _PATTERN.search(each)) and " " not in each:
            fault = f"holds {sign.group()!r}, which Java on Windows replaces by names of files"
        if fault:
            yield f"argument {number} of the script: {quoted_path(each)} {fault}: {_INSTEAD}"


def zone_faults(name: str, zone: str) -> Iterator[str]:
    """Yield a sentence if Python on Windows takes a time zone for another one.

    >>> print(*zone_faults("TZ", "Europe/Vienna"))
    TZ: Python on Windows does not know 'Europe/Vienna' and would take the hours of another zone: \
give UTC, or hours from it such as CET-1 (east is minus, no summer time)
    """
    if zone and zone not in _ZONES_OF_STATES and not _ZONE.fullmatch(zone):
        yield (
            f"{name}: Python on Windows does not know '{zone}' and would take the hours of another "
            "zone: give UTC, or hours from it such as CET-1 (east is minus, no summer time)"
        )


def length_faults(
    argv: Sequence[str], properties: Mapping[str, str], folders: Sequence[str]
) -> Iterator[str]:
    """Yield a sentence if a command is longer than cmd takes one.

    Args:
        argv: The command.
        properties: Those of a driver that is started by it.
        folders: The folders that Spark's launcher adds, each as often as it does.
    """
    # Each has a space before it, and may be put in quotes.
    options = [each for name in _ARGUMENTS for each in properties.get(name, "").split()]
    length = sum(len(each) + 3 for each in (*argv, *options, *folders))
    most = _MOST_CHARACTERS - _OF_LAUNCHER
    if length > most:
        yield (
            f"the command has {length:,} characters, and Windows' cmd takes {most:,} besides what "
            f"Spark adds: shorten the Java options and the arguments, or {_INSTEAD}"
        )
