"""The sample: generated source extracts, and the control rows of the job that lands them."""
