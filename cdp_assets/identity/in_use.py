"""Which version of the linkage is in use, and the settings that go with it.

Links and persons follow the promoted row of `identity.linkage_models`. `identity.yaml` says what the next one shall be.
"""

from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import Any

import dagster as dg
import duckdb
from pydantic import ValidationError

from cdp_assets.identity.model_versions import AT_ONCE, all_rows, load, parsed, versions
from cdp_assets.metadata import has_table
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake


@dataclass(frozen=True)
class Model:
    """The promoted version, as scoring needs it. ``identity`` None: it is from before settings were kept."""

    version: str
    settings: dict[str, Any] | None
    identity: IdentitySettings | None = None


class ModelUnusable(dg.Failure):
    """The promoted version cannot be used by this release; the message says the way out."""


def promoted_model(con: duckdb.DuckDBPyConnection) -> Model:
    """The version in use. Raises ``dg.Failure`` when there is none, or this release cannot read it."""
    row = None
    if has_table(con, "identity.linkage_models"):
        row = con.execute(
            f"SELECT model_version, settings, splink_version, identity FROM ({all_rows()}) WHERE promoted"
        ).fetchone()
    if row is None:
        raise dg.Failure("there is no linkage model: materialize identity/linkage_models first")
    name, settings, splink, identity = row
    if settings and splink.split(".")[0] != installed("splink").split(".")[0]:
        why = f"it was trained with Splink {splink}, and {installed('splink')} is installed"
        raise ModelUnusable(_unusable(name, why))
    try:
        model = Model(name, load(settings), parsed(identity) if identity else None)
    except ValidationError as error:
        keys = ", ".join(sorted({str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}))
        raise ModelUnusable(_unusable(name, f"this release does not understand its settings {keys}")) from error
    except ValueError as error:
        raise ModelUnusable(_unusable(name, "its row is no JSON")) from error
    if model.settings is not None and not model.settings.get("comparisons"):
        raise ModelUnusable(_unusable(name, "its row holds no Splink settings"))
    return model


def settings_in_use(con: duckdb.DuckDBPyConnection, declared: IdentitySettings) -> IdentitySettings:
    """What records are normalised, linked and resolved by: the promoted version's settings, the declared ones before.

    Settings in ``AT_ONCE`` are the declared ones always.
    """
    if not any(version.promoted for version in versions(con)):
        return declared
    identity = promoted_model(con).identity
    return identity.model_copy(update={name: getattr(declared, name) for name in AT_ONCE}) if identity else declared


def read_settings(lake: Lake, declared: IdentitySettings) -> IdentitySettings:
    """``settings_in_use`` of a lake, as assets ask before they begin to write."""
    with lake.reading() as con:
        return settings_in_use(con, declared)


def differing(declared: IdentitySettings, used: IdentitySettings) -> dict[str, tuple[Any, Any]]:
    """Settings by name where ``used`` and ``declared`` differ: (used, declared). Those in ``AT_ONCE`` never do."""
    old, new = (settings.model_dump(mode="json", exclude=set(AT_ONCE)) for settings in (used, declared))
    return {name: (old[name], new[name]) for name in new if old[name] != new[name]}


def _unusable(name: str, why: str) -> str:
    return (
        f"the linkage model {name}, which is in use, cannot be used: {why}. Train one that can with `cdp identity "
        "plan`, and promote it with the command that it prints; or install the release that made it"
    )
