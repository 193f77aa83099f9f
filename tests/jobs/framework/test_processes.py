from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from framework.processes import START_TOLERANCE_MS, jvm_look, this_process

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_the_jvm_sees_what_psutil_sees(spark: SparkSession) -> None:
    seen = jvm_look(spark)(os.getpid())
    assert seen
    assert seen.started_ms
    started_ms = psutil.Process().create_time() * 1000
    assert abs(seen.started_ms - started_ms) <= START_TOLERANCE_MS


def test_this_process_is_running_and_an_ended_one_is_not(spark: SparkSession) -> None:
    look = jvm_look(spark)
    me = this_process("run", look, "app")
    assert (me.pid, me.application_id) == (os.getpid(), "app")
    assert me.is_running(look)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert look(child.pid)
    child.communicate(b"\n")
    assert look(child.pid) is None
