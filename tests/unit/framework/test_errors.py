"""The errors by which a job script knows what went wrong."""

from __future__ import annotations

import pytest

from framework import errors
from framework.contract.causes import LOCKED


@pytest.mark.parametrize("name", ["SourceNotFound", "SourceGone", "CheckFailed", "DatesFailed"])
def test_a_script_that_catches_an_older_name_still_does(name: str) -> None:
    older, newer = getattr(errors, name), getattr(errors, f"{name}Error")
    assert older is newer
    assert issubclass(newer, errors.FrameworkError)


def test_a_lock_is_known_by_the_name_of_its_error() -> None:
    assert errors.LockedError.__name__ == LOCKED
