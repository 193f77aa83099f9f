"""Failures from outside a job, by the words that each system has for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError

from framework import failures
from framework.errors import PublishError

ON_WINDOWS = [text for text in failures.windows_texts((112,)) if text]


class JavaThrowable:
    """An exception of the JVM, as far as its text and its cause go."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._target_id = "o1"

    def getMessage(self) -> str:
        return self._message

    def getCause(self) -> None:
        return None


@pytest.mark.parametrize(
    "text",
    [
        "No space left on device",
        "There is not enough space on the disk",
        # In the language of this Windows.
        *ON_WINDOWS,
    ],
)
def test_a_full_disk_is_told_in_the_words_of_each_system(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_close_abandoned_files", lambda: None)
    thrown: Any = JavaThrowable(f"{text} (in a file)")
    error = Py4JJavaError("An error occurred while calling o1.orc", thrown)
    told = pytest.raises(PublishError, match=r"^/out: no space is left to write to")
    with told, failures.explained("/out"):
        raise error


@pytest.mark.parametrize("code", [39, 112])
def test_a_full_disk_by_its_code_on_windows(code: int, tmp_path: Path) -> None:
    error = OSError(22, "Invalid argument", str(tmp_path))
    # Only Windows' own errors have it.
    setattr(error, "winerror", code)  # noqa: B010
    assert failures.remedy(error).startswith("; free some space there")


@pytest.mark.parametrize("more", ["", " (exists=false, cwd=file:/C:/work)"])
def test_a_folder_with_a_space_that_can_t_be_made_is_named_whole(
    more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_master", lambda: "local[1]")
    thrown: Any = JavaThrowable(f"Mkdirs failed to create file:/data/home one/out{more}")
    told = pytest.raises(PublishError, match=r"data/home one/out: the folder can't be created")
    with told, failures.explained("/out"):
        raise Py4JJavaError("An error occurred while calling o1.orc", thrown)
