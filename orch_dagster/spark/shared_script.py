"""The script of an application that several jobs share; beside no module that shadows another."""

from __future__ import annotations

import sys
from pathlib import Path

from framework.shared_application import main

if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
