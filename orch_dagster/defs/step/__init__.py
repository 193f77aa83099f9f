"""One step: load its bundle, run its spark-submit, write what became of it."""
