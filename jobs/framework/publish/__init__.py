"""Swap a date's folders in, all or none: publication, lock, journal, swap, recovery."""
