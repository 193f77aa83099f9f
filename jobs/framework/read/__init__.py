"""Read sources as views: null tokens, bad records, scan metrics."""
