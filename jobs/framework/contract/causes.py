"""Put the deepest cause of a failure first.

An error of Spark opens with hundreds of characters about jobs, stages and tasks, whatever the
cause, which is the last of its "Caused by:". Both the framework and the orchestrator use this.
"""

from __future__ import annotations

import re

# The type of a landing's failure whose date another landing holds.
LOCKED = "LockedError"

# These carry an exception of the JVM or of a Python worker, and say nothing themselves.
CARRIERS = frozenset({"Py4JJavaError", "PythonException", "UnknownException"})

# So that the fragment of SQL, and the places that the outer exceptions name, fit too.
_DEEPEST_CHARACTERS = 280
_SENTENCE_CHARACTERS = 180
_ELLIPSIS = "…"
# A message may quote a plan or a record of any length, and its causes may be thousands. What an
# outer exception says is at its beginning, and the deepest cause at its end.
_HEAD_CHARACTERS, _TAIL_CHARACTERS = 32_768, 98_304
_MOST_CAUSES = 50

_CAUSED_BY = "Caused by: "
_JAVA_FRAME = re.compile(r"\s+at [\w.$/<>]+\(|\s*\.\.\. \d+ (more|elided)")
_PYTHON_FRAME = re.compile(r'\s*File "[^"]+", line \d+')
# It is alone on its line, or ends a Java message that contains a worker's traceback.
# The patterns below begin a class only where its text begins: a search that tries every place of a
# long word takes time by the square of its length.
_TRACEBACK = re.compile(
    r"(?:(?<!\S)\S+\.PythonException: )?Traceback \(most recent call last\):\s*$"
)
# Marks below a fragment of SQL or Python, suppressed exceptions, links of chains, lines of a log.
# The driver's stack is followed by the task's causes again.
_ASIDE = re.compile(
    r"Driver stacktrace:|\s*[~^]+\s*$|\s+(Suppressed|Caused by): "
    r"|During handling of the above exception, another"
    r"|The above exception was the direct cause of"
    r"|\d\d/\d\d/\d\d \d\d:\d\d:\d\d (TRACE|DEBUG|INFO|WARN) "
)
_SPARK_EXCEPTION = r"(?:(?<![\w.])[\w.]+\.)?SparkException: "
_PREAMBLE = re.compile(
    r"An error occurred while calling \S{1,200}\.(?:\s*:\s+|\s+|$)(?:Trace:\s+)?"
    r"|An exception was thrown from the Python worker\. Please see the stack trace below\.\s*"
    rf"|(?:{_SPARK_EXCEPTION})?Job aborted due to stage failure:\s*"
    r"|Task \d{1,9} in stage [\d.]{1,30} failed \d{1,9} times?, most recent failure:\s*"
    r"|Lost task [\d.]{1,30} in stage [\d.]{1,30} \(TID \d{1,19}\) \([^)]{0,300}\):\s*"
    r"|\d\d/\d\d/\d\d \d\d:\d\d:\d\d ERROR \S{1,200}: "
    r"|Exception in thread \"[^\"]{0,300}\" "
    r"|Exception in task [\d.]{1,30} in stage [\d.]{1,30} \(TID \d{1,19}\)\s*"
    r"|Uncaught exception in thread Thread\[[^\]]{0,300}\]\s*"
    rf"|{_SPARK_EXCEPTION}(?:Job aborted\.|Writing job aborted\.?|Exception thrown in "
    r"awaitResult:)\s*$"
)
# The fragment of SQL that failed.
_FRAGMENT = re.compile(r"\s*(?=== SQL)")
# Telling by their names alone.
_TELLING = re.compile(r"\w*Error|NullPointerException")
_CLASS = re.compile(r"(?:[A-Za-z_]\w*\.)*(?P<name>[A-Z][\w$]*)(?P<end>: |:?$)")


def deepest_first(name: str, message: str) -> str:
    """Return `Type: message` of the deepest cause, then of what it caused, in one line.

    >>> deepest_first("ValueError", "ValueError: no rows")
    'ValueError: no rows'
    >>> deepest_first("Py4JJavaError", '''An error occurred while calling o1.orc.
    ... : org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed.
    ...     at org.apache.spark.X(X.scala:1)
    ... Caused by: java.io.EOFException: Unexpected end of input stream''')
    'EOFException: Unexpected end of input stream; SparkException: [TASK_WRITE_FAILED] Task failed.'

    Args:
        name: The exception's type.
        message: Its text, which may begin with its type.
    """
    message = _bounded(message)
    own = re.compile(rf"(?:\w+\.)*{re.escape(name)}(?::\s*|\s*$)")
    blocks = _blocks(own.sub("", message, count=1) if own.match(message) else message)
    texts = [text for text in (_PREAMBLE.sub("", each).strip() for each in blocks) if text]
    if not texts:
        text = " ".join(" ".join(blocks).split())
        return f"{name}: {text}" if text else name
    if name not in CARRIERS:
        texts[0] = f"{name}: {texts[0]}"
    # The outermost one stays, as its type is the one that was raised.
    texts = [*texts[:1], *texts[1:][-_MOST_CAUSES:]]
    parts = _distinct(texts[::-1])
    if len(parts) > 1:
        parts[0] = _short(parts[0])
    return "; ".join(parts)


def without_frames(message: str) -> list[str]:
    """Return a message's lines without the stack frames of Java and Python."""
    return [line for block in _split(_bounded(message)) for line in block]


def _bounded(message: str) -> str:
    """Leave out the middle of a message that is too long, at ends of lines if there are any."""
    if len(message) <= _HEAD_CHARACTERS + _TAIL_CHARACTERS:
        return message
    head, tail = message[:_HEAD_CHARACTERS], message[-_TAIL_CHARACTERS:]
    if (end := head.rfind("\n", _HEAD_CHARACTERS // 2)) > 0:
        head = head[:end]
    tail = tail[tail.find("\n", 0, _TAIL_CHARACTERS // 2) + 1 :]
    return f"{head}{_ELLIPSIS}\n{tail}"


def _blocks(message: str) -> list[str]:
    """Return the text of each exception in a message, the outermost first."""
    return [" ".join(" ".join(block).split()) for block in _split(message)]


def _split(message: str) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    in_frame = False
    for line in message.splitlines():
        if _JAVA_FRAME.match(line) or _ASIDE.match(line):
            continue
        if _PYTHON_FRAME.match(line):
            in_frame = True
            continue
        if in_frame and line.startswith("    "):
            continue
        in_frame = False
        if line.startswith(_CAUSED_BY):
            blocks.append([])
        kept = _TRACEBACK.sub("", line.removeprefix(_CAUSED_BY)).strip()
        if kept:
            blocks[-1].append(kept)
        if _TRACEBACK.search(line):
            blocks.append([])
    return [block for block in blocks if block]


def _distinct(texts: list[str]) -> list[str]:
    """Return the texts with short names of classes, without those that only repeat an inner one.

    A class that tells nothing without a message comes behind one that does.
    """
    parts: list[str] = []
    for place, text in enumerate(texts):
        message = _message(text) or text
        if not any(message in inner for inner in texts[:place]):
            parts.append(_CLASS.sub(r"\g<name>\g<end>", text, count=1) if _names(text) else text)
    first = next((n for n, part in enumerate(parts) if _is_telling(part)), 0)
    return [parts[first], *parts[:first], *parts[first + 1 :]]


def _is_telling(part: str) -> bool:
    return bool(_message(part)) or _TELLING.fullmatch(part) is not None


def _names(text: str) -> bool:
    return _CLASS.match(text) is not None


def _message(text: str) -> str:
    """Return what follows the class of an exception."""
    found = _CLASS.match(text)
    return text[found.end() :].strip() if found else text


def _short(text: str) -> str:
    """Cut the deepest cause so that its fragment of SQL stays."""
    sentence, *fragment = _FRAGMENT.split(text, maxsplit=1)
    if not fragment or len(text) <= _DEEPEST_CHARACTERS:
        return _cut(text, _DEEPEST_CHARACTERS)
    sentence = _cut(sentence, _SENTENCE_CHARACTERS)
    return f"{sentence} {_cut(fragment[0], _DEEPEST_CHARACTERS - len(sentence) - 1)}"


def _cut(text: str, characters: int) -> str:
    if len(text) <= characters:
        return text
    return text[: characters - 1].rstrip() + _ELLIPSIS
