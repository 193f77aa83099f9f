"""The control tables in Apache Kudu; only this package imports a Kudu client."""
