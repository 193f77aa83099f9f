"""One step: load its bundle, run its spark-submit, report its result."""
