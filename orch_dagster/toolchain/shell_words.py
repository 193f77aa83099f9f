"""Say in a remedy what to type, in the words of the system's shells."""

from __future__ import annotations

import shlex
import sys


def unset_text(name: str, platform: str = sys.platform) -> str:
    """Return how to unset an environment variable.

    >>> unset_text("JAVA_HOME", "linux")
    'unset it'
    >>> unset_text("JAVA_HOME", "win32")
    'unset it (PowerShell: Remove-Item Env:JAVA_HOME; cmd: set JAVA_HOME=)'
    """
    if platform != "win32":
        return "unset it"
    return f"unset it (PowerShell: Remove-Item Env:{name}; cmd: set {name}=)"


def call_text(program: str, *words: str, platform: str = sys.platform) -> str:
    r"""Return how to call a program by its path.

    >>> print(call_text("/a b/dagster", "dev", platform="linux"))
    '/a b/dagster' dev
    >>> print(call_text(r"C:\a b\dagster.exe", "dev", platform="win32"))
    "C:\a b\dagster.exe" dev (in PowerShell with & before it)

    Args:
        program: The path.
        words: What follows it, words without a space.
        platform: As sys.platform has it. PowerShell takes a text in quotes for a value.
    """
    if platform != "win32":
        return " ".join((shlex.quote(program), *words))
    if " " not in program:
        return " ".join((program, *words))
    return f'"{program}" {" ".join(words)} (in PowerShell with & before it)'


def json_word(option: str, text: str, platform: str = sys.platform) -> str:
    r"""Return an option with a JSON text as it is typed.

    >>> print(json_word("--tags", '{"a": "b"}', "linux"))
    --tags '{"a": "b"}'
    >>> print(json_word("--tags", '{"a": "b"}', "win32"))
    --tags "{\"a\": \"b\"}" (in PowerShell with --% before it)

    Args:
        option: The option.
        text: The JSON, without a single quote.
        platform: As sys.platform has it. PowerShell up to 7.2 passes on no double quote, and cmd
            knows no single ones.
    """
    if platform != "win32":
        return f"{option} '{text}'"
    escaped = text.replace('"', r"\"")
    return f'{option} "{escaped}" (in PowerShell with --% before it)'
