"""`cdp person`: everything known of one person, found by whatever is at hand."""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cdp_cli.tables import print_table, told
from cdp_model.survivorship import ADDRESS
from cdp_resources.lake import Lake

if TYPE_CHECKING:
    from cdp_assets.identity.portrait import Portrait, Row

ORIGIN = ("record_key", "updated_at", "rule", "values")
MOST = 20
"""So many people, or links, are listed."""


def person(
    identifier: Annotated[str, typer.Argument(help="A person_id, a record key such as crm:C4, or any identifier")],
    deliveries: Annotated[bool, typer.Option("--deliveries", help="What destinations were told, and answered")] = False,
) -> None:
    """Show one person: records, links, history, profile and where its values came from. Shows personal data."""
    from cdp_assets.activation.log import COLUMNS, log_of
    from cdp_assets.identity.lookup import find_persons
    from cdp_assets.identity.portrait import portray
    from cdp_assets.metadata import has_table
    from cdp_assets.privacy.personal_keys import all_ids

    with told(), Lake.from_env().reading() as con:
        if not has_table(con, "identity.record_persons"):
            raise ValueError("there are no people yet: materialize the group identity first")
        found = find_persons(con, identifier, MOST)
        if not found:
            raise ValueError(
                f"nobody is found by {identifier}: it is no person_id that is or was, no record key (`source:id`), "
                "and no e-mail, phone or other identifier of a record"
            )
        if len(found) > 1:
            typer.echo(f"{len(found)} people are found by it: name one of them")
            print_table(("person_id", "found by"), [(match.person_id, match.found_by) for match in found])
            return
        (match,) = found
        if not match.current:
            typer.echo(f"{identifier} is no more: its records are {match.person_id} now")
        if deliveries:
            rows = log_of(con, all_ids(con, match.person_id))
            if rows:
                print_table(COLUMNS, rows, f"{match.person_id} at destinations")
            else:
                typer.echo(f"no destination was ever told of {match.person_id}")
        else:
            _print(match.person_id, portray(con, match.person_id))


def _print(person_id: str, found: "Portrait") -> None:
    typer.echo(f"{person_id} (found in {', '.join(map(str, found.person.get('sources') or ()))})")  # type: ignore[call-overload]
    _rows("Records", found.records)
    _rows("Links, the weakest first", found.links[:MOST])
    if len(found.links) > MOST:
        typer.echo(f"… and {len(found.links) - MOST} stronger links")
    if found.person.get("weakest_link") is not None:
        typer.echo(
            f"weakest link that holds the records together: {found.person['weakest_link']:.1f}, "
            f"mean of all compared pairs: {found.person['cohesion']:.1f}"
        )
    _rows("History", found.history)
    profile = []
    for name, value in found.profile.items():
        origin = found.provenance.get("address" if name in ADDRESS else name, {})
        if value is not None:
            profile.append((name, _text(value), *(_text(origin.get(field)) for field in ORIGIN)))
        elif origin.get("rule") == "correction" and name not in ADDRESS:
            profile.append((name, "(none)", *(_text(origin.get(field)) for field in ORIGIN)))
    if profile:
        print_table(("attribute", "value", "from record", "of (UTC)", "decided by", "values"), profile, "Profile")


def _rows(title: str, rows: Sequence["Row"]) -> None:
    if rows:
        print_table(list(rows[0]), [[_text(value) for value in row.values()] for row in rows], title)


def _text(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, dt.datetime) else value
