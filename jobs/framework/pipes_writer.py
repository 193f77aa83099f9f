"""The writer of Dagster Pipes for every deployment of a driver."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from framework.channel import Channel
from framework.contract.messages import ChecksReport, ProgressReport, is_message
from framework.driver_elsewhere import channel

if TYPE_CHECKING:
    from dagster_pipes import PipesMessage, PipesMessageWriter, PipesParams

# Others are sent within a second: nothing depends on them yet.
_AT_ONCE = ("opened", "closed", "report_custom_message")


def message_writer() -> PipesMessageWriter[Any]:
    """Return what writes messages where the run of this driver reads them.

    That is a folder on Hadoop's file system in YARN's cluster mode, and elsewhere Dagster's own
    place. It is for scripts that open Dagster Pipes themselves::

        from dagster_pipes import open_dagster_pipes
        from framework import message_writer

        with open_dagster_pipes(message_writer=message_writer()) as pipes:
            pipes.report_asset_materialization(metadata={"rows": 3})
    """
    from dagster_pipes import PipesDefaultMessageWriter, PipesMessageWriterChannel

    class HadoopChannel(PipesMessageWriterChannel):
        def __init__(self, channel: Channel) -> None:
            self._channel = channel

        def write_message(self, message: PipesMessage) -> None:
            send(self._channel, message)

    class Writer(PipesDefaultMessageWriter):
        @contextmanager
        def open(self, params: PipesParams) -> Generator[PipesMessageWriterChannel]:
            if opened := channel():
                yield HadoopChannel(opened)
                return
            with super().open(params) as of_dagster:
                yield of_dagster

    return Writer()


def send(channel: Channel, message: PipesMessage) -> None:
    """Send a message of Dagster Pipes, at once if the end of the run depends on it.

    Raises:
        OSError: If the file system failed.
    """
    payload = (message.get("params") or {}).get("payload")
    if is_message(payload, ProgressReport):
        channel.report_progress(message)
    elif message["method"] in _AT_ONCE and not is_message(payload, ChecksReport):
        channel.send(message)
    else:
        channel.add(message)
