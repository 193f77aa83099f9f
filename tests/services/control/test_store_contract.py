"""What every control store promises, held by Postgres and Kudu."""

from tests.store_contract import *  # noqa: F403 - each test of it is one of this file
