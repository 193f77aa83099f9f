"""The one door to what Dagster keeps for itself: a file for each subject.

Private is what a package of Dagster with an underscore holds, what DagsterInstance has without
documenting it, Dagster's files, and its English. Each file says which public API is missing, what
the private one buys, and when it can go; its tests fail if Dagster changes it.
"""
