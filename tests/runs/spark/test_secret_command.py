"""The secrets of a command, as the shell of a container gives them to the job."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orch_dagster.spark.deployment import container_variables


@pytest.mark.skipif(shutil.which("bash") is None, reason="containers are launched by bash")
@settings(max_examples=30, deadline=None)
@given(
    st.text(
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")
        | st.sampled_from("\\\"'$`{}<>!\n "),
        max_size=20,
    )
)
def test_a_container_finds_the_value_that_was_given(value: str) -> None:
    (text,) = container_variables({"A": value}).values()
    assert not re.search(r"\{\{|\}\}|<CPS>|<LOG_DIR>", text)
    script = f'export A="{text}"\nprintf %s "$A"'.encode()
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.stdout == value.encode()
