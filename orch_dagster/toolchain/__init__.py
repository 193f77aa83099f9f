"""Find Java, Spark and jars."""
