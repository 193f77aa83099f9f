"""Exit codes that more than one command has, besides click's 1 and 2."""

INTERRUPTED = 130
"""That of shells after Ctrl-C."""

HAS_CHANGES = 2
"""As in terraform plan; a usage error has it too."""
