"""What one run is told: its parameters, secrets and retries."""
