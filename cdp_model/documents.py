"""YAML files as plain values that remember the line of every key, and the problems found in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, RoundTripConstructor
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

KeyPath = tuple[str | int, ...]


class _DatesAsWritten(RoundTripConstructor):
    """Leaves dates to the types of the model: YAML itself can't say on which line 2026-02-30 stands."""


_DatesAsWritten.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


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
            if not _has(node, part):
                break
            if part in (node.lc.data or {}):  # what `<<` merged into a mapping stands elsewhere
                line = node.lc.data[part][0] + 1
            node = node[part]
        return line

    def existing(self, prefix: KeyPath, path: Sequence[Any]) -> KeyPath:
        """``prefix`` and those parts of ``path`` that lead to something in the file."""
        node, found = self.content, list(prefix)
        for part in prefix:
            node = node[part]
        for part in path:
            if _has(node, part):
                node = node[part]
                found.append(part)
        return tuple(found)

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """A problem at a key of this file."""
        return Problem(self.name, self.line(path), ".".join(str(part) for part in path), message)


def _has(node: Any, part: Any) -> bool:
    if isinstance(node, CommentedSeq):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, CommentedMap) and part in node


def read_document(root: Path, path: Path) -> Document | Problem:
    """Parse one file below ``root``; a broken or empty one is a problem with its line."""
    name = str(path.relative_to(root))
    yaml = YAML(typ="rt")
    yaml.Constructor = _DatesAsWritten
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(name, mark.line + 1 if mark else 1, "", f"not valid YAML: {error.problem or error.context}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Problem(name, line, "", f"not UTF-8 (byte 0x{error.object[error.start]:02x}): save the file as UTF-8")
    except (YAMLError, ValueError) as error:
        return Problem(name, 1, "", f"not valid YAML: {str(error).splitlines()[0]}")
    if content is None:
        return Document(name, CommentedMap())
    if not isinstance(content, CommentedMap):
        kind = "list" if isinstance(content, CommentedSeq) else "single value"
        return Problem(name, 1, "", f"must be a mapping of keys to values, not a {kind}")
    return Document(name, content)


def yaml_files(folder: Path, *others: str) -> Iterator[Path]:
    """The YAML files of a folder, and those with other endings, sorted; none when there is no folder."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml", *others))
