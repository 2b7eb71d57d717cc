"""What tests of commands share: typing one, and a home with a company for it to work in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cdp_cli.main import app

COMPANY = {
    "company.yaml": "{name: tiny, owner: 'team:data', currency: EUR, start_date: 2026-03-01}",
    "sources/shop.yaml": "{name: shop, description: Shop, streams: {people: {description: All, files: '{date}.csv', "
    "format: csv, columns: {id: }, customers: {id: id}}}}",
}
"""A company that declares nothing but its name and a source."""

OUTSIDE = (
    *("CDP_HOME", "CDP_MODEL", "CDP_LANDING", "CDP_LAKE_CATALOG", "CDP_LAKE_DATA", "CDP_LAKE_ENCRYPTED"),
    *("CDP_MEMORY_LIMIT", "CDP_TRUTH", "DAGSTER_HOME"),
)


def cdp(*arguments: object) -> Result:
    """Type a command, which may end with an error that is told but with no other."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def lines(output: str) -> list[str]:
    """What is printed, without the rules of tables."""
    return [" ".join(line.replace("│", " ").split()) for line in output.splitlines()]


def settle(patch: pytest.MonkeyPatch, home: Path, **variables: object) -> None:
    """Work in a folder and with its lake, with these variables and no others from outside."""
    for name in OUTSIDE:
        patch.delenv(name, raising=False)
    for name, value in {"CDP_HOME": home, **variables}.items():
        patch.setenv(name, str(value))
    patch.chdir(home)


@contextmanager
def declared(home: Path, files: dict[str, str] | None = None) -> Iterator[None]:
    """A home with a company: COMPANY, and ``files`` beside or in place of its own."""
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, home, CDP_MODEL=home / "model")
        for file, text in (COMPANY | (files or {})).items():
            path = home / "model" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        yield
