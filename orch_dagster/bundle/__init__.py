"""The parameters, secrets and retries of one run."""
