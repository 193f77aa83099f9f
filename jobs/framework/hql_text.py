"""Split the text of an HQL file into statements and variables by the rules of Spark's lexer.

Spark runs one statement a call, so the file is split here: a semicolon ends a statement unless it
is inside a string ('..' or "..", backslash escapes; r'..' raw), backticks or a comment. `--` runs
to the line's end (a backslash before the newline continues it), `/* */` nests, `/*+ */` is a hint.

Spark substitutes `${name}` before it parses, inside strings too, and inserts '' for an unset name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<comment>--(?:\\\n|[^\r\n])*)
    | (?P<open>/\*(?!\+))
    | (?P<quoted>(?<![\w])[rR]'[^']*(?:'|\Z) | (?<![\w])[rR]"[^"]*(?:"|\Z)
        | '(?:[^'\\]|\\.)*(?:'|\\?\Z) | "(?:[^"\\]|\\.)*(?:"|\\?\Z)
        | `(?:[^`]|``)*(?:`|\Z))
    | (?P<end>;)
    | (?P<other>\s+|\w+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# A hint does not nest, not even inside a comment.
_COMMENT_EDGE = re.compile(r"/\*(?!\+)|\*/")

# What is closed on its own, comments that hold others left out; and what is neither a comment nor
# quoted. Nothing follows the repetition, so that a match takes one pass and never goes back.
_COMMENT = r"--(?:\\\n|[^\r\n])*|/\*(?!\+)[^*/]*(?:(?:\*(?!/)|/(?!\*))[^*/]*)*\*/"
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`]|``)*`"""
_CLOSED = re.compile(rf"""(?:[^-/'"`]+|{_QUOTED}|{_COMMENT}|-(?!-)|/(?!\*)|/\*\+)*""", re.DOTALL)
_NO_STATEMENT = re.compile(rf"(?:[\s;]+|{_COMMENT})*", re.DOTALL)
_CLOSED_TEXT = re.compile(rf"[rR](?:'[^']*'|\"[^\"]*\")|{_QUOTED}", re.DOTALL)

# Spark's own rule (ConfigReader), and everything that looks like a variable.
_VARIABLE = re.compile(r"\$\{(?:(?P<prefix>\w+?):)?(?P<name>\S+?)\}")
_LOOKALIKE = re.compile(r"\$\{[^}\n]*\}?")
_SET = re.compile(r"\s*set\s+(?P<name>[^\s=;]+)\s*=", re.IGNORECASE)

# What precedes a name that the text defines, what follows one that is no relation of its own, what
# ends a list of relations, and the functions with a FROM between their arguments.
_DEFINING = ("view", "table", "exists")
_NO_RELATION = (".", "(", "$", "{", "@", "[")
_ENDINGS = ("where", "group", "having", "order", "cluster", "distribute", "sort", "window", "limit")
_AFTER_FROM = (";", "select", "lateral", *_ENDINGS)
_WITH_FROM = ("extract", "trim", "substring", "substr", "overlay", "position")

# All of these read the session's configuration.
SESSION_PREFIXES = ("", "hivevar", "hiveconf", "spark", "sparkconf")
# Hive's names of what `SET` sets; Spark substitutes a variable by its name without them.
_HIVE_PREFIXES = ("hivevar:", "hiveconf:")


@dataclass(frozen=True)
class Variable:
    """A `${prefix:name}` outside comments; `name` is empty if Spark does not see a variable."""

    text: str
    prefix: str
    name: str
    line: int


@dataclass(frozen=True)
class Statement:
    """A statement; `line` is the line of the file (from 1) where its text begins."""

    text: str
    line: int
    variables: tuple[Variable, ...]

    @property
    def assigned(self) -> str | None:
        """Return the variable that the statement sets (`SET name = value`), or None.

        `SET hivevar:name = value` and `SET hiveconf:name = value` set the variable `name`.
        """
        match = _SET.match(without_comments(self.text))
        return variable_name(match["name"].strip("`")) if match else None


def split(text: str) -> tuple[Statement, ...]:
    """Return the statements of a file, without those that hold only comments and blanks."""
    statements: list[Statement] = []
    code: list[tuple[str, int]] = []
    line_ends = [at for at, character in enumerate(text) if character == "\n"]
    start = 0
    for kind, piece, at in [*scan(text), ("end", "", len(text))]:
        if kind == "end":
            if any(part.strip() for part, _ in code):
                statements.append(_statement(text[start:at], start, code, line_ends))
            start, code = at + len(piece), []
        elif kind != "comment":
            code.append((piece, at))
    return tuple(statements)


def without_comments(text: str) -> str:
    """Return a text with a blank for each of its comments, as they separate words.

    >>> without_comments("-- all of them\\nSELECT/**/'--' FROM row1")
    " \\nSELECT '--' FROM row1"
    """
    return "".join(" " if kind == "comment" else piece for kind, piece, _ in scan(text))


def scan(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (kind, text, offset): comment, end (a semicolon), quoted or other."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:  # impossible: the last alternative matches any character
            raise AssertionError(f"the scanner stopped at offset {at}")
        kind, piece = match.lastgroup or "other", match[0]
        if kind == "open":
            kind, piece = "comment", text[at : _comment_end(text, at)]
        yield kind, piece, at
        at += len(piece)


def form_fault(text: str) -> tuple[int | None, str] | None:
    """Return the line and what is wrong with the form of a file, None if nothing is.

    A comment that is not closed takes the statements that follow it, which Spark never sees.

    >>> form_fault("SELECT 1;\\n/* old\\nSELECT 2"), form_fault("-- none")
    ((2, 'begins a comment that no */ ends'), (None, 'holds no statement'))
    """
    if _length(_NO_STATEMENT, text) < len(text) == _length(_CLOSED, text):
        # So for nearly all files; what follows looks at each word.
        return None
    pieces = list(scan(text))
    if not pieces:
        return None, "holds no statement"
    kind, piece, at = pieces[-1]
    line = text.count("\n", 0, at) + 1
    if kind == "quoted" and not _CLOSED_TEXT.fullmatch(piece):
        quote = piece.lstrip("rR")[0]
        return line, f"begins a text that no {quote} ends"
    if kind == "comment" and piece.startswith("/*") and not _is_closed(piece):
        return line, "begins a comment that no */ ends"
    return None if split(text) else (None, "holds no statement")


def variable_name(key: str) -> str:
    """Return the variable that `SET key = value` sets.

    >>> variable_name("hivevar:cutoff")
    'cutoff'
    """
    prefix = next((each for each in _HIVE_PREFIXES if key.startswith(each)), "")
    return key.removeprefix(prefix)


def unset(statements: Collection[Statement], known: Collection[str]) -> Iterator[Variable]:
    """Yield the variables that Spark would replace by '' or would not replace at all.

    `known` are names of settings; an earlier `SET name = ..` adds its own. `${env:..}` and
    `${system:..}` are skipped, as only the JVM knows them.
    """
    names = set(known)
    for statement in statements:
        for variable in statement.variables:
            if variable.prefix in ("env", "system") and variable.name:
                continue
            is_known = variable.prefix in SESSION_PREFIXES and variable.name in names
            if not is_known:
                yield variable
        if statement.assigned:
            names.add(statement.assigned)


def relations(text: str) -> dict[str, int]:
    """Return the names that a text certainly reads as tables or views, in lower case, with lines.

    Those are what follows FROM or JOIN, without a database; not what the text itself defines
    anywhere as a table, a view or a common table expression.

    >>> relations("WITH a AS (SELECT 1) SELECT * FROM a JOIN Row4 b ON trim(BOTH FROM c) = b.d")
    {'row4': 1}
    """
    words = [
        (piece.strip("`").lower(), at)
        for kind, piece, at in scan(text)
        if kind != "comment" and not piece.isspace()
    ]
    around = ["", ";", *(word for word, _ in words), "", ""]
    line_ends = [at for at, character in enumerate(text) if character == "\n"]
    read: dict[str, int] = {}
    defined: set[str] = set()
    # For each open parenthesis, what precedes it and whether a FROM in it goes on.
    opened = [("", False)]
    is_set = False
    for place, (word, at) in enumerate(words, 2):
        before, after = around[place - 1], around[place + 1]
        is_set = word == "set" if before == ";" else is_set
        function, is_from = opened[-1]
        if word == "(":
            opened.append((before, False))
        elif word == ")":
            opened = opened[:-1] or [("", False)]
        elif word == "from":
            opened[-1] = (function, around[place - 1] != "distinct" and function not in _WITH_FROM)
        elif word in _AFTER_FROM:
            opened[-1] = (function, False)
        elif is_from and before in ("from", "join", ",") and after not in _NO_RELATION:
            if not is_set:
                read.setdefault(word, _line(line_ends, at))
        elif before in _DEFINING or (before in ("with", ",", "recursive") and after in ("as", "(")):
            defined.add(word)
    return {name: line for name, line in read.items() if name not in defined}


def _statement(
    body: str, start: int, code: list[tuple[str, int]], line_ends: list[int]
) -> Statement:
    begin = start + len(body) - len(body.lstrip())
    variables: list[Variable] = []
    for run, at in _joined(code):
        for match in _LOOKALIKE.finditer(run):
            spark = _VARIABLE.match(run, match.start())
            variables.append(
                Variable(
                    text=spark[0] if spark else match[0],
                    prefix=(spark["prefix"] or "") if spark else "",
                    name=spark["name"] if spark else "",
                    line=_line(line_ends, at + match.start()),
                )
            )
    return Statement(body.strip(), _line(line_ends, begin), tuple(variables))


def _joined(code: list[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Yield the runs of text between comments, as a variable may cross the scanner's tokens."""
    run, begin = "", 0
    for piece, at in code:
        if run and at == begin + len(run):
            run += piece
            continue
        if run:
            yield run, begin
        run, begin = piece, at
    if run:
        yield run, begin


def _length(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _is_closed(comment: str) -> bool:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(comment):
        depth += 1 if edge[0] == "/*" else -1
    return depth == 0


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _line(line_ends: list[int], offset: int) -> int:
    return bisect_left(line_ends, offset) + 1
