"""The control tables and the stores that keep them."""
