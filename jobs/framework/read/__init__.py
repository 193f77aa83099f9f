"""Sources become views: null tokens, bad records, scan metrics."""
