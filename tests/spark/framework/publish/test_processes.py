from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from framework.contract.process_identity import is_same_start
from framework.publish.processes import (
    ProcessProbe,
    jvm_probe,
    psutil_probe,
    this_process,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(params=["psutil", pytest.param("jvm", marks=pytest.mark.spark)])
def look(request: pytest.FixtureRequest) -> ProcessProbe:
    if request.param == "psutil":
        return psutil_probe
    return jvm_probe(request.getfixturevalue("spark"))


@pytest.mark.spark
def test_the_jvm_sees_what_psutil_sees(spark: SparkSession) -> None:
    seen, expected = jvm_probe(spark)(os.getpid()), psutil_probe(os.getpid())
    assert seen
    assert seen.started_ms
    assert expected
    assert expected.started_ms
    assert is_same_start(seen.started_ms / 1000, expected.started_ms / 1000)


def test_this_process_is_running_and_an_ended_one_is_not(look: ProcessProbe) -> None:
    me = this_process("run", look, "app")
    assert (me.pid, me.application_id) == (os.getpid(), "app")
    assert me.is_running(look)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert look(child.pid)
    child.communicate(b"\n")
    assert look(child.pid) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no ended process")
def test_one_that_ended_and_was_not_waited_for_is_not_running(look: ProcessProbe) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    child.kill()
    zombie = psutil.Process(child.pid)
    wait_until(lambda: zombie.status() == psutil.STATUS_ZOMBIE, "its end")
    assert look(child.pid) is None
    child.communicate()
