"""The control tables in Apache Kudu: the only importers of a Kudu client are here."""
