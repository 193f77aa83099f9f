"""What the orchestrator and the jobs agree on: standard library only, imported by both."""
