from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot.tokens import TokenType

from framework.hql_text import relations, split, unset

CASES = [
    ("SELECT 1", [("SELECT 1", 1)]),
    ("SELECT 1;", [("SELECT 1", 1)]),
    ("a;\n\n b\n;c", [("a", 1), ("b", 3), ("c", 4)]),
    ("-- a; b\nSELECT 1; -- tail;\n", [("-- a; b\nSELECT 1", 1)]),
    ("-- goes on \\\n; here\nSELECT 1", [("-- goes on \\\n; here\nSELECT 1", 1)]),
    ("/* ; /* ; */ ; */ SELECT 1; b", [("/* ; /* ; */ ; */ SELECT 1", 1), ("b", 1)]),
    ("a; /* was /*+ b */ SELECT 2;c", [("a", 1), ("/* was /*+ b */ SELECT 2", 1), ("c", 1)]),
    ("SELECT /*+ REPARTITION(1) */ 1;b", [("SELECT /*+ REPARTITION(1) */ 1", 1), ("b", 1)]),
    (r"SELECT 'it\'s; ok';b", [(r"SELECT 'it\'s; ok'", 1), ("b", 1)]),
    (r"""SELECT "d\";'", 1;b""", [(r"""SELECT "d\";'", 1""", 1), ("b", 1)]),
    ("SELECT 'a'';b';c", [("SELECT 'a'';b'", 1), ("c", 1)]),
    ("SELECT `a``;`;c", [("SELECT `a``;`", 1), ("c", 1)]),
    (r"SELECT r'a\';b", [(r"SELECT r'a\'", 1), ("b", 1)]),
    (r"SELECT bar'a\';b'", [(r"SELECT bar'a\';b'", 1)]),
    ("SELECT 'never closed; b", [("SELECT 'never closed; b", 1)]),
    ("/* never closed; b", []),
    (";;\n -- nothing\n;", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "statements"), CASES)
def test_split(text: str, statements: list[tuple[str, int]]) -> None:
    assert [(each.text, each.line) for each in split(text)] == statements


PIECES = st.sampled_from(
    [
        "SELECT", "1", " ", "\n", ";", "x", ",", "(", ")", "-", "/", "*", "=",
        "'a;b'", "'it\\'s;'", '"d;"', "'-- no'", "'/* no'", "`b;c`", "-- c;'\n", "/* c;' */",
        "/* a /* n; */ ; */", "''", "'\\\\'",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_splits_where_sqlglot_sees_semicolons(pieces: list[str]) -> None:
    text = " ".join(pieces)
    tokens = sqlglot.tokenize(text, read="spark")
    expected: list[list[str]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            expected.append([])
        else:
            expected[-1].append(text[token.start : token.end + 1])
    ours = [
        [each.text[t.start : t.end + 1] for t in sqlglot.tokenize(each.text, read="spark")]
        for each in split(text)
    ]
    assert ours == [tokens for tokens in expected if tokens]


def names(text: str, known: set[str]) -> list[tuple[str, int]]:
    return [(each.text, each.line) for each in unset(split(text), known)]


def test_unset_variables_are_found_with_their_lines() -> None:
    text = "SELECT '${hivevar:a}',\n ${b} -- ${c}\n/* ${d} */;\n\nSELECT `x${hiveconf:e}y`"
    assert names(text, {"a"}) == [("${b}", 2), ("${hiveconf:e}", 5)]


def test_what_spark_would_not_see_as_a_variable_is_found_too() -> None:
    assert names("SELECT '${hivevar: a}',\n'${other:a}', '${a'", {"a"}) == [
        ("${hivevar: a}", 1),
        ("${other:a}", 2),
        ("${a'", 2),
    ]


def test_a_variable_may_cross_the_scanners_tokens() -> None:
    assert names("SELECT ${hivevar:a.b-c}", set()) == [("${hivevar:a.b-c}", 1)]


def test_set_makes_a_variable_known_afterwards_only() -> None:
    assert names("SELECT ${x};\n/* c */ set x = 1;\nSELECT ${x}", set()) == [("${x}", 1)]


def test_the_jvms_variables_are_left_to_the_caller() -> None:
    assert names("SELECT '${env:HOME}${system:user.dir}'", set()) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT * FROM row4", "row4"),
        ("SELECT * FROM row1 a, `ROW4` AS b JOIN row5 USING (x), row6", "row1 row4 row5 row6"),
        ("FROM row7 INSERT INTO t SELECT row4, row5", "row7"),
        ("SELECT row4.x FROM row1 row4", "row1"),
        ("SELECT extract(DAY FROM row4), trim(BOTH FROM row5) FROM row1", "row1"),
        ("SELECT a IS DISTINCT FROM row4 FROM row2", "row2"),
        ("WITH a AS (SELECT * FROM row1), row4 AS (SELECT 1) SELECT * FROM row4", "row1"),
        ("WITH row4(x) AS (SELECT 1) SELECT * FROM row4", ""),
        ("CREATE TEMP VIEW row4 AS SELECT * FROM row1; SELECT * FROM row4", "row1"),
        ("CACHE TABLE row4 AS SELECT 1; SELECT * FROM row4", ""),
        ("CREATE TABLE IF NOT EXISTS row4 AS SELECT 1; SELECT * FROM row4", ""),
        ("SELECT * FROM db.row4 JOIN row5.t -- FROM row6\n/* FROM row7 */", ""),
        ("SELECT 'FROM row4', \"FROM row5\" FROM row1", "row1"),
        ("SELECT * FROM row4${x}", ""),
        ("SET q=SELECT * FROM row4; ${q}", ""),
        ("SELECT * FROM row1 LATERAL VIEW explode(x) row4 AS a, row5", "row1"),
        ("SELECT * FROM row1 ORDER BY a, row4 LIMIT 1", "row1"),
    ],
)
def test_relations_are_those_that_are_certainly_read(text: str, names: str) -> None:
    assert " ".join(relations(text)) == names


def test_a_relation_has_the_line_of_its_first_use() -> None:
    text = "-- row4\nSELECT *\nFROM row1\nJOIN row4 JOIN row4"
    assert relations(text) == {"row1": 3, "row4": 4}
