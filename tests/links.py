"""Links for tests; Windows lets not every user make them."""

from __future__ import annotations

from pathlib import Path

import pytest


def link(path: Path, target: Path) -> None:
    """Make a link, or skip the test where this user makes none."""
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this user may not make links")
    if not path.is_symlink():
        # As Wine, which says that it did.
        pytest.skip("this system makes no links")
