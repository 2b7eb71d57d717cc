"""`cdp profile`: what people say is wrong about them, put right and taken back."""

import datetime as dt
import getpass
from typing import Annotated

import duckdb
import typer

from cdp_cli.following import follow
from cdp_cli.tables import print_table, told
from cdp_model.corrections import FILE, NONE, Correction, corrected_value
from cdp_model.survivorship import ADDRESS
from cdp_resources.lake import CATALOG, Lake

app = typer.Typer(no_args_is_help=True, help="Profiles: correct what sources say about a person.")
Whose = Annotated[str, typer.Argument(help="A record key such as crm:C4, a person_id, or any identifier")]
Attribute = Annotated[str, typer.Argument(help="Such as email, last_name, date_of_birth, street")]
Reason = Annotated[str, typer.Option(help="Why, for whoever looks at it later")]
By = Annotated[str | None, typer.Option(help="Who says so [default: you, as the system knows you]")]
FOLLOWING = (["profiles", "corrections"], "profiles", "profiles/golden_records", "group:profiles")


@app.command()
def correct(
    whose: Whose,
    attribute: Attribute,
    value: Annotated[str, typer.Argument(help=f"What it should be; {NONE} when there is none")],
    reason: Reason,
    by: By = None,
) -> None:
    """Correct an attribute of a person: this beats every source until it is withdrawn."""
    from cdp_assets.profiles.rectification import correct as add

    with told():
        now, lake = dt.datetime.now(dt.UTC), Lake.from_env()
        correct_value = corrected_value(attribute, value, now.date())
        with lake.reading() as con:
            record = _record(con, whose, attribute)
        correction = Correction(record, attribute, correct_value, by or getpass.getuser(), now, reason)
        lake.write(lambda con: add(con, [correction], "command"), "profiles.corrections")
        typer.echo(f"corrected: {attribute} of {record}")
        follow(*FOLLOWING)


@app.command()
def withdraw(whose: Whose, attribute: Attribute, reason: Reason = "", by: By = None) -> None:
    """Take a correction back: the sources decide again, or what stands in corrections.csv."""
    from cdp_assets.profiles.rectification import withdraw as take_back

    with told():
        lake = Lake.from_env()
        with lake.reading() as con:
            records = _corrected_records(con, whose, attribute)
        if not records:
            raise ValueError(f"no correction of {attribute} of theirs stands: `cdp profile corrections` lists all")
        author, now = by or getpass.getuser(), dt.datetime.now(dt.UTC)
        for record in records:
            in_file = lake.write(
                lambda con, key=record: take_back(con, key, attribute, author, now, reason),  # type: ignore[misc]
                "profiles.corrections",
            )
            typer.echo(f"withdrawn: {attribute} of {record}" + (f"; what {FILE} says holds again" if in_file else ""))
        follow(*FOLLOWING)


@app.command()
def corrections() -> None:
    """List the corrections in force. Shows personal data."""
    from cdp_assets.metadata import has_table
    from cdp_assets.profiles.rectification import CORRECTIONS_IN_FORCE

    with told(), Lake.from_env().reading() as con:
        rows = []
        if has_table(con, "profiles.corrections"):
            rows = con.execute(
                f"""SELECT record_key, person_id, attribute, coalesce(value, '(none)'), author,
                    strftime(corrected_at, '%Y-%m-%d %H:%M'), origin, reason
                FROM ({CORRECTIONS_IN_FORCE}) LEFT JOIN {CATALOG}.identity.record_persons USING (record_key)
                ORDER BY corrected_at, record_key, attribute"""
            ).fetchall()
        if not rows:
            typer.echo("nothing is corrected")
            return
        print_table(("record", "person", "attribute", "value", "author", "corrected (UTC)", "origin", "reason"), rows)


def _record(con: duckdb.DuckDBPyConnection, whose: str, attribute: str) -> str:
    """The record itself, or of a person the one that the present value came from."""
    from cdp_assets.identity.lookup import require_records

    person = _person(con, whose)
    if person is None:
        require_records(con, whose)
        return whose
    origin = con.execute(
        f"SELECT provenance[?].record_key FROM {CATALOG}.profiles.golden_records WHERE person_id = ?",
        ["address" if attribute in ADDRESS else attribute, person],
    ).fetchone()
    if origin and origin[0]:
        return str(origin[0])
    first = f"SELECT min(record_key) FROM {CATALOG}.identity.record_persons WHERE person_id = ?"
    row = con.execute(first, [person]).fetchone()
    assert row
    return str(row[0])


def _corrected_records(con: duckdb.DuckDBPyConnection, whose: str, attribute: str) -> list[str]:
    """The record itself, or those of a person whose attribute somebody corrected."""
    from cdp_assets.metadata import has_table
    from cdp_assets.profiles.rectification import STANDING

    if not has_table(con, "profiles.corrections"):
        raise ValueError("nobody has corrected anything yet")
    person = _person(con, whose)
    persons = f"SELECT person_id FROM {CATALOG}.identity.record_persons WHERE record_key = $whose"
    rows = con.execute(
        f"""SELECT DISTINCT record_key FROM ({STANDING}) LEFT JOIN {CATALOG}.identity.record_persons USING (record_key)
        WHERE attribute = $attribute AND (record_key = $whose OR person_id IN (SELECT $person UNION ALL {persons}))
        ORDER BY record_key""",
        {"attribute": attribute, "whose": whose, "person": person},
    ).fetchall()
    found = [key for (key,) in rows]
    if person is None and whose not in found:
        others = f"; one of {' and one of '.join(found)} does, of the same person" if found else ""
        raise ValueError(f"no correction of {attribute} of {whose} stands{others}: `cdp profile corrections` lists all")
    return [whose] if person is None else found


def _person(con: duckdb.DuckDBPyConnection, whose: str) -> str | None:
    """The one person that is meant; None for a record key."""
    from cdp_assets.identity.lookup import find_persons
    from cdp_assets.metadata import has_table

    if not has_table(con, "identity.record_persons"):
        return None
    found = find_persons(con, whose)
    if not found or found[0].found_by == "record key":
        return None
    if len(found) > 1:
        people = ", ".join(match.person_id for match in found)
        raise ValueError(f"{len(found)} people are found by it: name one of them, or a record: {people}")
    return found[0].person_id
