"""JOB_1001: lands the contracts of FPMS as its row of job_master says."""

from framework import run_landing

if __name__ == "__main__":
    run_landing()
