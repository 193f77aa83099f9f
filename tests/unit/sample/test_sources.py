from __future__ import annotations

import pytest

from orch_dagster.errors import OrchError
from orch_dagster.sample.contracts import write_extract
from orch_dagster.sample.sources import UnknownSampleError, extract_writer


def test_known_source_is_found_in_any_case() -> None:
    assert extract_writer("gels", "Fpms") is write_extract


def test_unknown_source_names_those_there_are() -> None:
    with pytest.raises(UnknownSampleError, match=r"no sample extract for GELS XX; .*GELS FPMS"):
        extract_writer("GELS", "XX")
    assert issubclass(UnknownSampleError, OrchError)
