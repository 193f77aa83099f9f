"""Unit tests that can't hold on Windows, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest

# By their files below tests/unit; a name without a parameter is all of that name.
NOT_ON_WINDOWS = {
    "toolchain/test_folder_check.py": {
        "test_init_refuses_in_one_sentence_and_creates_nothing[ORCH_DATA_ROOT-a:b]": (
            "a:b is the folder b of the drive a"
        ),
    },
    "framework/contract/test_shared_paths.py": {
        "test_folders_that_every_node_has_are_shared": "an absolute path has a drive",
    },
    "framework/storage/test_local.py": {
        "test_a_file_of_another_in_its_place_is_kept": "nobody replaces a file that is open",
    },
    "control/kudu/test_address.py": {
        "test_what_to_install_is_said": "there is no driver=native",
    },
    "spark/test_driver_profile.py": {
        "test_a_row_of_sys_params_gives_a_landing_its_profile": "properties are in a file",
    },
    "spark/test_outcome.py": {
        "test_an_exception_that_only_says_that_the_jvm_was_gone_comes_second": "it has no signals",
        "test_signals_are_said_in_words": "it has no signals",
    },
    "defs/step/test_spark_submit.py": {
        "test_the_call_becomes_a_command": "properties are in a file, which is gone at its end",
    },
    "control/test_connect.py": {
        "test_a_path_with_other_signs_is_that_file": "names have no colon and no quote",
    },
}


def skip_on_windows(items: Iterable[pytest.Item]) -> None:
    """Skip there what can't hold, with the reason."""
    if sys.platform != "win32":
        return
    for item in items:
        file, _, name = item.nodeid.removeprefix("tests/unit/").partition("::")
        reasons = NOT_ON_WINDOWS.get(file, {})
        if reason := reasons.get(name) or reasons.get(name.partition("[")[0]):
            item.add_marker(pytest.mark.skip(reason=f"not on Windows: {reason}"))
