"""Checked jobs from the rows of the control tables."""
