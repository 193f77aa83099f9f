"""Pages: every relative link and anchor leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orch_dagster.settings import REPOSITORY

PAGES = sorted(
    [
        REPOSITORY / "README.md",
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "examples").glob("*/README.md"),
    ]
)
_FENCE = re.compile(r"^(```|~~~).*?^\1[^\S\n]*$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links_of(page) if not leads_somewhere(page, link)] == []


def test_every_page_is_in_the_index() -> None:
    index = REPOSITORY / "docs" / "guide.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}
    docs = {page for page in PAGES if page.is_relative_to(index.parent) and page != index}
    assert docs - linked == set()


@pytest.mark.parametrize(
    ("link", "is_good"),
    [
        ("other.md", True),
        ("other.md#two-words-orchs", True),
        ("#here", True),
        ("#there", False),
        ("other.md#here", False),
        ("gone.md", False),
        ("https://example.org/x", True),
    ],
)
def test_a_bad_link_is_found(tmp_path: Path, link: str, is_good: bool) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n```\n# There\n[code](nowhere.md)\n```\n[text]({link})\n")
    (tmp_path / "other.md").write_text("## Two words: `orch`'s\n")
    (found,) = links_of(page)
    assert leads_somewhere(page, found) is is_good


def links_of(page: Path) -> Iterator[str]:
    """Yield the links of a page, in order; what is code is no link."""
    text = _CODE.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
    yield from (match[1] for match in _LINK.finditer(text))


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether the link's file is there, and has its anchor; other sites are not asked."""
    if "://" in link or link.startswith("mailto:"):
        return True
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors_of(target)


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    found: set[str] = set()
    for heading in headings:
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{words}-{number}" if number else words) in found:
            number += 1
        found.add(anchor)
    return found
