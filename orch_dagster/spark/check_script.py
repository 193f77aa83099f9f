"""Analyzes the HQL of jobs: a script for spark-submit.

The package `framework` is on its path as it is on a job's.
"""

from __future__ import annotations

if __name__ == "__main__":
    from framework.job_analysis import main

    main()
