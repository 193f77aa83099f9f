"""Lands whatever its row of job_master says: for jobs that need no script of their own."""

from framework import run_landing

if __name__ == "__main__":
    run_landing()
