"""A local real Kudu to try things on."""
