"""Sample data that nobody has to ask for: source extracts and the control rows that land them."""
