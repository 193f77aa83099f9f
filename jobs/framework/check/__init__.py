"""Check a staged date: its keys, its columns, its changes since the previous date."""
