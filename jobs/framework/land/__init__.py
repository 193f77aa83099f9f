"""Land one date: stage the files, load the sinks, keep errors by date."""
