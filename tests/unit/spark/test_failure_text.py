"""Which line of an output tells why a job failed."""

from __future__ import annotations

from orch_dagster.spark.failure_text import last_failure


def test_what_spark_ignores_is_no_reason() -> None:
    ignored = (
        "26/11/30 06:09:30 ERROR Inbox: Ignoring error\n"
        "org.apache.spark.SparkException: Exception thrown in awaitResult: \n"
        "\tat org.apache.spark.util.SparkThreadUtils$.awaitResult(SparkThreadUtils.scala:56)\n"
        "\t... 12 more\n"
        "Caused by: org.apache.spark.rpc.RpcEndpointNotFoundException: Cannot find endpoint: "
        "spark://CoarseGrainedScheduler@localhost:36117\n"
        "\tat org.apache.spark.rpc.netty.NettyRpcEnv.$anonfun$async$1(NettyRpcEnv.scala:150)\n"
    )
    assert last_failure(f"LEAVES\n{ignored}") == "LEAVES"
    assert last_failure(f"{ignored}LEAVES\n") == "LEAVES"
    assert last_failure(ignored) is None
    real = (
        'Exception in thread "main" java.lang.IllegalStateException: gone\n\tat a.b.C.d(C.java:1)\n'
    )
    assert last_failure(real + ignored) == last_failure(real) is not None


def test_what_yarns_client_says_of_a_start_is_no_reason() -> None:
    report = (
        "26/11/30 12:22:04 INFO Client: \n"
        "\t client token: N/A\n"
        "\t diagnostics: AM container is launched, waiting for AM container to Register with RM\n"
        "\t ApplicationMaster host: 127.0.0.1\n"
        "\t ApplicationMaster RPC port: -1\n"
        "\t queue: default\n"
        "\t start time: 1796041291486\n"
        "\t final status: UNDEFINED\n"
        "\t tracking URL: http://localhost:38345/proxy/application_1796041235374_0010/\n"
        "\t user: root\n"
    )
    assert last_failure(report) is None
    assert last_failure(f"no space\n{report}") == "no space"
