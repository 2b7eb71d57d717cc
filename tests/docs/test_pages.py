"""The pages say what the code does: reference, commands, variables, targets, links, and the tutorial's YAML."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command
from typer.main import get_command

from cdp_cli.main import app
from cdp_model import ModelError, load_model
from docs.reference import PAGE, page

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
TUTORIAL = ROOT / "docs" / "your-company.md"
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PAGE_NAMES = [path.name for path in PAGES]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(map(text, PAGES))


def code(markdown: str) -> Iterator[str]:
    """What stands as code on a page: blocks, then spans."""
    yield from re.findall(r"^```[a-z]*\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL))


def anchors(markdown: str) -> set[str]:
    """Ids of the headings of a page, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_reference_says_what_the_types_say() -> None:
    assert text(PAGE) == page(), "run `.venv/bin/python -m docs.reference`"


def every_command() -> dict[str, Command]:
    """Commands by what one types after `cdp`, those of groups included."""
    found, groups = {}, [("", get_command(app))]
    for prefix, group in groups:
        for name, command in getattr(group, "commands", {}).items():
            found[f"{prefix}{name}"] = command
            groups.append((f"{prefix}{name} ", command))
    return found


def test_every_command_is_documented() -> None:
    commands = every_command()
    assert "identity plan" in commands
    missing = [name for name in commands if not any(f"cdp {name}" in piece for piece in code(everything()))]
    assert not missing


def test_every_option_of_every_command_is_documented() -> None:
    options = {option for command in every_command().values() for option in command.params if option.name != "help"}
    flags = {flag for option in options for flag in option.opts if flag.startswith("--")}
    assert flags
    missing = [flag for flag in flags if not any(flag in piece for piece in code(everything()))]
    assert not missing


def test_every_variable_is_documented() -> None:
    variables = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text(ROOT / ".env.example"), re.MULTILINE)
    assert "CDP_HOME" in variables
    operations = text(ROOT / "docs" / "operations.md")
    assert [name for name in variables if f"`{name}`" not in operations] == []


def test_every_variable_that_is_read_is_in_the_example() -> None:
    packages = ("cdp_model", "cdp_resources", "cdp_assets", "sensors", "cdp_cli", "cdp_server")
    code_of = "\n".join(text(path) for package in packages for path in (ROOT / package).rglob("*.py"))
    read = set(re.findall(r"[\"'](CDP_[A-Z_]+)[\"']", code_of))
    example = text(ROOT / ".env.example")
    assert [name for name in sorted(read) if f"{name}=" not in example] == []


def test_every_target_that_is_named_exists_and_every_target_is_named() -> None:
    named = {target for piece in code(everything()) for target in re.findall(r"\bmake ([a-z]+)\b", piece)}
    assert named <= MAKE_TARGETS
    readme = {target for piece in code(text(ROOT / "README.md")) for target in re.findall(r"\bmake ([a-z]+)\b", piece)}
    assert readme >= MAKE_TARGETS


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_links_lead_somewhere(name: str) -> None:
    path = next(path for path in PAGES if path.name == name)
    for target in re.findall(r"\]\(([^)\s]+)\)", text(path)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        assert other.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in anchors(text(other)), f"{name} links to {target}"


def test_every_picture_is_shown_and_small_enough_for_a_repository() -> None:
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name}" in everything()
        assert picture.stat().st_size < 300_000


def heredocs(markdown: str) -> dict[str, str]:
    """The files that the shell blocks of a page write: path below ~ → content."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)
    written = re.findall(r"^cat > ~/(\S+) <<'END'\n(.*?)^END$", "\n".join(blocks), re.MULTILINE | re.DOTALL)
    return dict(written)


@pytest.fixture
def bakery(tmp_path: Path) -> Path:
    """The company of the tutorial, as its commands would write it."""
    for name, content in heredocs(text(TUTORIAL)).items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return tmp_path / "bakery"


def test_the_company_of_the_tutorial_is_well_declared(bakery: Path) -> None:
    model = load_model(bakery)
    assert (len(model.sources), len(model.traits), len(model.segments), len(model.syncs)) == (2, 5, 1, 1)


def test_the_mistakes_of_the_tutorial_read_as_it_shows_them(bakery: Path) -> None:
    edits = re.findall(r"^sed -i 's/(.+?)/(.+?)/' /tmp/bakery-with-mistakes/(\S+)$", text(TUTORIAL), re.MULTILINE)
    assert len(edits) == 4
    for old, new, name in edits:
        file = bakery / name
        file.write_text(text(file).replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError) as mistakes:
        load_model(bakery)
    for problem in mistakes.value.problems:
        assert str(problem) in text(TUTORIAL)
