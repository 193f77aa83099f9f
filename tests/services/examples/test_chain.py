"""The chain by the commands of its README, its control tables in Kudu."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.homes import Home
from tests.kudu_cluster import KuduCluster, use_kudu
from tests.runs.examples.test_chain import assert_runs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.kudu
@pytest.mark.spark
def test_the_chain_runs_in_order_and_lands_what_it_should(
    kudu: KuduCluster, checkout: Home, spark: SparkSession
) -> None:
    use_kudu(checkout, kudu)
    assert_runs(checkout, spark)
