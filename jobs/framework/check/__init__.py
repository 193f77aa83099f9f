"""Check a staged date: its keys, its columns, its changes since the date before."""
