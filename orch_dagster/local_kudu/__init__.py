"""A real Kudu on this machine, for development."""
