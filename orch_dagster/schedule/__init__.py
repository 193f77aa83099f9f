"""The business dates that are due, by pure rules."""
