"""Values that configuration takes from the environment."""

import os
import re
from pathlib import Path

from cdp_model.model import CompanySettings

DEFAULT_MODEL = "examples/retailer"
PLACEHOLDER = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def expand(text: str) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}``. Raises ``ValueError`` naming a variable that is not set."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match["name"]) or match["default"]
        if found is None:
            raise ValueError(f"the environment variable {match['name']} is not set, and {text!r} needs it")
        return found

    return PLACEHOLDER.sub(value, text)


def secret(name: str, what: str) -> str:
    """The secret in an environment variable. Raises ``ValueError`` naming the variable, and ``what`` it holds."""
    found = os.environ.get(name, "").strip()
    if not found:
        raise ValueError(f"the environment variable {name} is not set: it holds {what}")
    return found


def home() -> Path:
    """Where this installation keeps what is its own: CDP_HOME, or `.cdp` here."""
    return Path(os.environ.get("CDP_HOME") or ".cdp").absolute()


def landing_of(company: CompanySettings) -> str:
    """Where a company's extracts land: CDP_LANDING, or what company.yaml says."""
    return os.environ.get("CDP_LANDING") or expand(company.landing)


def model_folder() -> Path:
    """The folder that CDP_MODEL names, from here or from the project; the retailer example by default."""
    named = Path(os.environ.get("CDP_MODEL") or DEFAULT_MODEL)
    return named.absolute() if named.exists() else Path(__file__).resolve().parent.parent / named
