"""HTML pages that need nothing else, from the templates beside this file."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined


def render(template: str, **values: Any) -> str:
    """A page from a template's name and what it shows; text is escaped."""
    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(**values)
