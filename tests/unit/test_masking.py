"""Texts without secrets; the orchestrator and the job framework by one rule."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import secrets as of_jobs
from framework.contract.masking import MASK, SHORTEST, SHORTEST_LINE, secret_forms
from orch_dagster.text import Masker

KEY_FILE = "-----BEGIN KEY-----\nabcdefgh\n1234567/+=\nshort\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("secrets", "text", "masked"),
    [
        (["hunter2"], "a hunter2 b hunter2", "a ****** b ******"),
        (["hunter2"], "nothing here", "nothing here"),
        ([], "hunter2", "hunter2"),
        (["abc"], "abc", "abc"),
        (["abcd"], "abcd", "******"),
        (["   abc  "], "abc", "abc"),
        # The longer one goes first, wherever the shorter is in it.
        (["pass", "password", "my password"], "my password, password", "******, ******"),
        (["abcd", "cdXYZ-long"], "abcdXYZ-long", "ab******"),
        ([KEY_FILE], f"it is {KEY_FILE}", "it is ******"),
        ([KEY_FILE], "  abcdefgh,short", "  ******,short"),
        ([KEY_FILE], repr(KEY_FILE), "'******'"),
        ([" padded-one "], "padded-one", "******"),
        (["a b&c/d"], "x=a%20b%26c%2Fd&y=a+b%26c%2Fd", "x=******&y=******"),
        (['say "no" \\ é'], json.dumps('say "no" \\ é'), '"******"'),
        (['say "no" \\ é'], json.dumps('say "no" \\ é', ensure_ascii=False), '"******"'),
        (["it's \\ mine"], repr("it's \\ mine"), '"******"'),
        (["****"], "****", "******"),
        (["a b&c/d"], "x=a%20b%26c/d&y=a%20b%26c%2fd", "x=******&y=******"),
        (["<p'q\"&>"], html.escape("<p'q\"&>"), "******"),
        (["<p'q\"&>"], "&lt;p&#39;q&#34;&amp;&gt; &lt;p'q\"&amp;&gt;", "****** ******"),
        (["jdbc:x://h/d?password=p%40ss1"], "wrong password p@ss1, p%40ss1",
         "wrong password ******, ******"),
    ],
)  # fmt: skip
def test_what_is_masked(secrets: list[str], text: str, masked: str) -> None:
    assert Masker(secrets)(text) == masked


@pytest.mark.parametrize("secret", ["hunter2", "p\xe4ss?>~\x7f", "abcde", KEY_FILE])
@pytest.mark.parametrize("before", ["", "u", "us", "user:", "admin:"])
@pytest.mark.parametrize("after", ["", "!", "\n"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_wherever_the_secret_stands(
    secret: str, before: str, after: str, encode: Callable[[bytes], bytes]
) -> None:
    encoded = encode(f"{before}{secret}{after}".encode()).decode()
    masked = Masker([secret])(f"Basic {encoded}.")
    assert MASK in masked
    # At most the characters that hold bits of what is beside it are left.
    assert len(masked) <= len(f"Basic {MASK}.") + len(f"{before}{after}") * 4 / 3 + 6


def test_short_words_are_no_base64() -> None:
    assert secret_forms(["abcd"]) == ("abcd",)


def test_lines_and_values_are_told_apart_by_length() -> None:
    assert (SHORTEST, SHORTEST_LINE) == (4, 8)
    assert Masker(["1234567\n12345678"])("1234567 12345678") == "1234567 ******"


@given(st.lists(st.text(min_size=4, max_size=12), max_size=4), st.text(max_size=80))
def test_no_secret_is_left(secrets: list[str], text: str) -> None:
    masked = Masker(secrets)(text.join(secrets))
    known = [secret for secret in secrets if len(secret.strip()) >= SHORTEST]
    # The mask itself may hold one, or complete it: `****`, `a*`.
    left = masked.replace(MASK, "\0")
    assert [secret for secret in known if secret in left and "*" not in secret] == []


def framework_mask(secrets: list[str], text: str, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("JOB_SECRETS", ",".join(f"S_{number}" for number in range(len(secrets))))
    for number, secret in enumerate(secrets):
        patch.setenv(f"S_{number}", secret)
    return of_jobs.mask(text)


SPEAKABLE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))


@given(st.lists(SPEAKABLE, max_size=3), SPEAKABLE)
def test_the_framework_masks_alike(secrets: list[str], text: str) -> None:
    shown = f"{text.join(secrets)} {secrets!r} {json.dumps(secrets)} {urllib.parse.quote(text)}"
    with pytest.MonkeyPatch.context() as patch:
        assert framework_mask(secrets, shown, patch) == Masker(secrets)(shown)


@given(st.lists(SPEAKABLE, max_size=3), SPEAKABLE)
def test_bytes_are_masked_as_texts_are(secrets: list[str], text: str) -> None:
    mask = Masker(secrets)
    shown = text.join(secrets)
    assert mask.in_bytes(shown.encode()).decode() == mask(shown)


def test_bytes_that_are_no_text_stay() -> None:
    assert Masker(["päss"]).in_bytes("\xffpäss".encode("latin-1") + "päss".encode()) == (
        b"\xffp\xe4ss******"
    )


def test_values_of_json_are_masked_and_their_keys_stay() -> None:
    said: dict[str, Any] = {"text": ["a text", {"text": "text", "n": 4, "t": True, "none": None}]}
    masked: dict[str, Any] = {"text": ["a ******", {"text": MASK, "n": 4, "t": True, "none": None}]}
    assert Masker(["text"]).all_of(said) == masked
    kept: dict[str, Any] = {"kind": "landing", "path": "landing", "sinks": [{"kind": "landing"}]}
    masked = {"kind": "landing", "path": MASK, "sinks": [{"kind": "landing"}]}
    assert Masker(["landing"]).all_of(kept, {"kind"}) == masked
