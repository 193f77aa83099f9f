"""All unit tests on Windows; its own tier has minutes for a few of them."""

from __future__ import annotations

import shutil

import pytest

from tests.windows_machine import windows_machine

_PUBLISH = "tests/unit/framework/publish"
_LONGEST_S = 6000


@pytest.mark.timeout(_LONGEST_S + 300)
@pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed")
@pytest.mark.parametrize(
    "words", [(_PUBLISH,), ("tests/unit", f"--ignore={_PUBLISH}")], ids=["publish", "others"]
)
def test_the_unit_tier_holds(words: tuple[str, ...]) -> None:
    with windows_machine() as machine:
        machine.check_units(words, longest_s=_LONGEST_S)
