"""One machine for all tests of the tier: its copy of the product is compiled once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.windows_machine import WindowsMachine, windows_machine


@pytest.fixture(scope="session")
def machine() -> Iterator[WindowsMachine]:
    """A Windows with Python, Java and the product."""
    with windows_machine() as made:
        yield made
