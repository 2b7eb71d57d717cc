"""YAML files as plain values that remember the line of every key, and the problems found in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in one file: ``line`` counts from 1."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


@dataclass(frozen=True)
class Document:
    """One YAML file, parsed. ``content`` keeps ruamel's line marks."""

    name: str
    content: Any

    def line(self, path: Sequence[str | int]) -> int:
        """The line (from 1) of the deepest part of ``path`` that the file has."""
        node, line = self.content, 1
        for part in path:
            if isinstance(node, CommentedMap) and part in node:
                line = node.lc.key(part)[0] + 1
                node = node[part]
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line = node.lc.item(part)[0] + 1
                node = node[part]
        return line

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """A problem at a key of this file."""
        return Problem(self.name, self.line(path), ".".join(str(part) for part in path), message)


def read_document(root: Path, path: Path) -> Document | Problem:
    """Parse one file below ``root``; a broken or empty one is a problem with its line."""
    name = str(path.relative_to(root))
    try:
        content = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(name, mark.line + 1 if mark else 1, "", f"not valid YAML: {error.problem or error.context}")
    except (YAMLError, UnicodeDecodeError) as error:
        return Problem(name, 1, "", f"not valid YAML: {error}")
    if content is None:
        return Document(name, CommentedMap())
    if not isinstance(content, CommentedMap):
        return Problem(name, 1, "", f"must be a mapping of keys to values, not a {type(content).__name__}")
    return Document(name, content)


def yaml_files(folder: Path) -> Iterator[Path]:
    """The YAML files of a folder, sorted; none when there is no folder."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
