"""Statements by name from the .sql files of this folder, where each stands between `-- name:` and `-- end`."""

from pathlib import Path


def statement(file: str, name: str) -> str:
    """The statement ``name`` of ``file``.sql."""
    text = Path(__file__).with_name(f"{file}.sql").read_text(encoding="utf-8")
    return text.split(f"-- {name}:")[1].split("-- end")[0].partition("\n")[2]
