"""Start processes away from the terminal: no key that is pressed there reaches them."""

from __future__ import annotations

import sys
from typing import TypedDict

# Of Windows; subprocess has them there alone.
_NEW_PROCESS_GROUP, _NO_WINDOW, _BELOW_NORMAL = 0x200, 0x0800_0000, 0x4000


class StartOptions(TypedDict):
    """Options of subprocess.Popen."""

    start_new_session: bool
    creationflags: int


def away_from_terminal(
    *, has_low_priority: bool = False, platform: str = sys.platform
) -> StartOptions:
    """Return the options of a process that gets neither Ctrl-C nor Ctrl-Break.

    On Windows it has a console of its own, without a window: Ctrl-Break reaches a process group of
    the same console too.

    Args:
        has_low_priority: Whether it has a low priority from its start, which only Windows can give:
            there the python of a virtual environment starts another one at once.
        platform: As sys.platform has it.
    """
    if platform != "win32":
        return {"start_new_session": True, "creationflags": 0}
    flags = _NEW_PROCESS_GROUP | _NO_WINDOW | (_BELOW_NORMAL if has_low_priority else 0)
    return {"start_new_session": False, "creationflags": flags}
