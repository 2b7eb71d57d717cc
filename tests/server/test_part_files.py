"""Files while they are written, and what is left of them after a crash."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cdp_server.part_files import PartFile, recover


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    file = PartFile(tmp_path / "new" / "a.ndjson")
    file.append(b"{}\n")
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".a.ndjson.part"]
    file.publish()
    assert (tmp_path / "new" / "a.ndjson").read_bytes() == b"{}\n"
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_file_without_lines_leaves_nothing(tmp_path: Path) -> None:
    PartFile(tmp_path / "a.ndjson").publish()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_written_to_is_nobody_else_s_to_finish(tmp_path: Path) -> None:
    file = PartFile(tmp_path / "a.ndjson")
    file.append(b"{}\n")
    assert recover(tmp_path) == []
    file.publish()


@given(
    whole=st.lists(st.binary(max_size=200).map(lambda b: b.replace(b"\n", b"") + b"\n")), torn=st.binary(max_size=200)
)
def test_whole_lines_are_finished_and_a_torn_one_goes(
    tmp_path_factory: object, whole: list[bytes], torn: bytes
) -> None:
    folder = tmp_path_factory.mktemp("crash")  # type: ignore[attr-defined]
    lines = b"".join(whole)
    (folder / ".a.ndjson.part").write_bytes(lines + torn.replace(b"\n", b""))
    found = recover(folder)
    assert [path.read_bytes() for path in found] == ([lines] if lines else [])
    assert recover(folder) == []
    assert len(list(folder.iterdir())) == len(found)
