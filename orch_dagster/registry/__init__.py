"""Rows of the control tables become checked jobs."""
