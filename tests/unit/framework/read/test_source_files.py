"""What a look at source files logs; what it refuses is in tests/spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.contract.native_paths import with_native_paths
from framework.errors import SourceFilesError
from framework.params import Source
from framework.plan import PlannedSource
from framework.read.source_files import require_sources
from framework.storage.local import LocalFileSystem


def test_a_hidden_file_beside_others_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,Ann\n")
    (tmp_path / "_c.csv").write_bytes(b"3,Cy\n")
    (tmp_path / "_SUCCESS").write_bytes(b"")
    folder = tmp_path.as_posix()
    planned = PlannedSource(Source("csv", "in", schema="id INT, name STRING"), folder, "row1")
    require_sources(LocalFileSystem(), [planned], refuses_content=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" WARN  [framework.sources] ")[2] for line in lines] == [
        with_native_paths(
            f"{folder}/_c.csv beside {folder} was not read: Spark skips names that begin with "
            "_ or ."
        ),
    ]


def in_folders(tmp_path: Path, *names: str, form: str = "csv", **options: str) -> PlannedSource:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1,Ann\n")
    source = Source(form, "in", options=options, schema="id INT, name STRING")
    return PlannedSource(source, tmp_path.as_posix(), "row1")


@pytest.mark.parametrize("form", ["csv", "json", "text", "parquet"])
def test_rows_in_sub_folders_alone_are_refused_as_allow_empty_would_land_nothing(
    tmp_path: Path, form: str
) -> None:
    planned = in_folders(tmp_path, "new/a.csv", form=form)
    with pytest.raises(SourceFilesError) as refused:
        require_sources(LocalFileSystem(), [planned], refuses_content=True)
    assert (
        f"row1: {tmp_path / 'new' / 'a.csv'}: files of sub-folders, which Spark skips, so none "
        "of their rows would be read: give the source the option recursiveFileLookup: true, or "
        "false to leave them out" in str(refused.value)
    )


@pytest.mark.parametrize("choice", ["true", "false"])
def test_sub_folders_that_the_source_chose_about_are_as_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], choice: str
) -> None:
    planned = in_folders(tmp_path, "new/a.csv", recursiveFileLookup=choice)
    require_sources(LocalFileSystem(), [planned], refuses_content=True)
    assert not capsys.readouterr().err


def test_folders_of_partitions_and_of_other_formats_are_none_of_it(tmp_path: Path) -> None:
    others = [
        in_folders(tmp_path / name, file, form=form)
        for name, file, form in (("p", "day=1/a.csv", "csv"), ("d", "x1/a.parquet", "delta"))
        if (tmp_path / name).mkdir() is None
    ]
    require_sources(LocalFileSystem(), others, refuses_content=True)


def test_sub_folders_beside_files_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = in_folders(tmp_path, "a.csv", "new/b.csv")
    require_sources(LocalFileSystem(), [planned], refuses_content=True)
    (line,) = capsys.readouterr().err.splitlines()
    folder = tmp_path.as_posix()
    assert line.partition(" WARN  [framework.sources] ")[2] == (
        with_native_paths(
            f"{folder}/new/b.csv beside the files of {folder} was not read: Spark skips "
            "sub-folders: give the source the option recursiveFileLookup: true, or false to leave "
            "them out"
        )
    )
