"""Applications of YARN: find them by tag, follow them, end them."""
