"""Recovers landings: a script for python, or for spark-submit where sinks are not local files.

The package `framework` is on its path as it is on a job's.
"""

from __future__ import annotations

if __name__ == "__main__":
    from framework.publish.recovery import main

    main()
