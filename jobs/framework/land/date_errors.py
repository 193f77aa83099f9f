"""Keep the errors of a run's dates, so that one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date

from framework import report
from framework.errors import DatesFailedError
from framework.logging import get_logger


class Dates:
    """The errors of a run's dates, each reported at once.

    Args:
        biz_dts: The run's dates. The error of a single date is the run's error.
    """

    def __init__(self, biz_dts: tuple[date, ...]) -> None:
        self._biz_dts = biz_dts
        self._failed: dict[str, Exception] = {}

    @contextmanager
    def one(self, biz_dt: date, can_go_on: Callable[[], bool] = lambda: True) -> Generator[None]:
        """Guard a block about one date: keep its error if other dates can go on.

        Args:
            biz_dt: The date.
            can_go_on: Called after an error; if it returns False, the error is raised.
        """
        try:
            yield
        except Exception as error:
            if len(self._biz_dts) == 1 or not can_go_on():
                raise
            day = biz_dt.isoformat()
            self._failed[day] = error
            log = get_logger("framework.landing")
            log.error("%s did not land: %s", day, error, exc_info=error)
            report.failure(day, error)

    def raise_failed(self) -> None:
        """Raise the errors that were kept, if there are any.

        Raises:
            DatesFailedError: If dates did not land; names each, and why.
        """
        if self._failed:
            raise DatesFailedError(self._failed, len(self._biz_dts))
