"""What the drivers say, as their user reads it."""

from __future__ import annotations

import pytest
from sqlalchemy import exc

from orch_dagster.control.sql_errors import explained
from orch_dagster.errors import MissingTableError, PermanentStoreError, TransientStoreError


def said(text: str) -> exc.OperationalError:
    return exc.OperationalError("SELECT 1", {}, Exception(text))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("no such table: job_master", "run `orch init`"),
        ("unable to open database file", "run `orch init`"),
        ('relation "job_master" does not exist\nLINE 1: SELECT', "run `orch init`"),
        (
            'connection failed: FATAL:  database "nope" does not exist',
            "create that database in Postgres",
        ),
        ('connection failed: FATAL:  role "me" does not exist', "create that user in Postgres"),
        (
            'connection failed: FATAL:  password authentication failed for user "o"',
            "correct user and password in ORCH_CONTROL_URL",
        ),
        ("attempt to write a readonly database", "give this user the right to write there"),
        ("database or disk is full", "free space on its disk"),
    ],
)
def test_what_another_try_would_meet_again(text: str, remedy: str) -> None:
    found = explained(said(text), "here", "job_master")
    assert isinstance(found, PermanentStoreError)
    assert isinstance(found, MissingTableError) is ("orch init" in remedy)
    assert str(found).startswith(f"control store here, table job_master: {text[:10]}")
    assert remedy in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        "database is locked",
        "connection failed: Connection refused",
        "connection failed: FATAL:  the database system is starting up",
        "server closed the connection unexpectedly",
    ],
)
def test_what_may_pass(text: str) -> None:
    found = explained(said(text), "here", None)
    assert isinstance(found, TransientStoreError)
    assert "check that the store is up and reachable" in str(found)


def test_other_errors_are_permanent() -> None:
    found = explained(exc.IntegrityError("INSERT", {}, Exception("refused")), "here", "t")
    assert isinstance(found, PermanentStoreError)
