from __future__ import annotations

import pytest

from framework.contract.shared_requests import (
    Answer,
    End,
    Ended,
    Land,
    Request,
    Stop,
    Taken,
    answer_line,
    parse_answer,
    parse_request,
    request_line,
)


@pytest.mark.parametrize("request_", [Land("a-1", {"A": 'ü"\n'}), Stop("a-1"), End()])
def test_a_request_is_a_line(request_: Request) -> None:
    line = request_line(request_)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert parse_request(line.encode()) == request_


@pytest.mark.parametrize("answer", [Taken("a-1"), Ended("a-1", True), Ended("a-1", False)])
def test_an_answer_is_a_line(answer: Answer) -> None:
    line = answer_line(answer)
    assert line.count("\n") == 1
    assert parse_answer(line.encode()) == answer


@pytest.mark.parametrize("line", ["{}", '{"land": "a"}', "[]", "no JSON", '{"ended": 1}'])
def test_anything_else_is_refused(line: str) -> None:
    for parse in (parse_request, parse_answer):
        with pytest.raises(ValueError):  # noqa: PT011 - json's own too
            parse(line)
