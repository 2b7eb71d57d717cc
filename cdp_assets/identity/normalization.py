"""SQL macros that make equal things compare equal, and the nickname table they use.

Everything here is about one value at a time; which columns they apply to stands in ``evidence.sql``.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
from ruamel.yaml import YAML

from cdp_model.identity import IdentitySettings
from cdp_resources.lake import literal

TITLES = (
    *(
        "dr",
        "prof",
        "professor",
        "mr",
        "mrs",
        "ms",
        "miss",
        "mister",
        "sir",
        "dame",
        "rev",
        "herr",
        "frau",
        "hr",
        "fr",
    ),
    *(
        "sr",
        "sra",
        "srta",
        "don",
        "dona",
        "dipl",
        "ing",
        "mag",
        "med",
        "phd",
        "msc",
        "bsc",
        "mba",
        "jr",
        "jun",
        "sen",
    ),
    *("senior", "junior", "ii", "iii", "iv", "esq"),
)
STREET_WORDS = {
    **dict.fromkeys(("strasse", "str", "street", "st"), "st"),
    **dict.fromkeys(("avenue", "ave", "av", "avenida", "avda"), "ave"),
    **dict.fromkeys(("road", "rd"), "rd"),
    **dict.fromkeys(("platz", "pl", "place", "plaza"), "pl"),
    **dict.fromkeys(("lane", "ln"), "ln"),
    **dict.fromkeys(("drive", "dr"), "dr"),
    **dict.fromkeys(("court", "crt", "ct"), "ct"),
    **dict.fromkeys(("close", "cl"), "cl"),
    **dict.fromkeys(("crescent", "cres"), "cres"),
    **dict.fromkeys(("boulevard", "blvd"), "blvd"),
    **dict.fromkeys(("calle", "c"), "c"),
    **dict.fromkeys(("apartment", "apt", "flat", "unit", "wohnung", "whg"), "apt"),
}


def macros(settings: IdentitySettings) -> str:
    """The statements that create the temporary macros ``evidence.sql`` is written in."""
    absent = settings.placeholders
    # not a map: DuckDB would make it anew for every word of every street
    street_words = " ".join(f"WHEN {literal(word)} THEN {literal(short)}" for word, short in STREET_WORDS.items())
    return f"""
    CREATE OR REPLACE TEMP MACRO folded(value) AS
        replace(replace(replace(
            strip_accents(replace(replace(replace(
                translate(lower(nfc_normalize(value)), 'łđøðı', 'ldodi'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')),
        'ae', 'a'), 'oe', 'o'), 'ue', 'u');
    CREATE OR REPLACE TEMP MACRO name_tokens(value) AS
        CASE WHEN NOT list_contains({_list(absent.names)}, lower(trim(value))) THEN
            list_filter(
                regexp_split_to_array(regexp_replace(folded(value), '[''’`´]', '', 'g'), '[^\\p{{L}}]+'),
                lambda token: token <> '' AND NOT list_contains({_list(TITLES)}, token))
        END;
    CREATE OR REPLACE TEMP MACRO email_address(value) AS
        CASE WHEN regexp_full_match(lower(trim(value)), '[^@\\s]+@[^@\\s]+\\.[^@\\s.]+')
             THEN CASE WHEN split_part(lower(trim(value)), '@', 2) IN ('gmail.com', 'googlemail.com')
                       THEN replace(split_part(split_part(lower(trim(value)), '@', 1), '+', 1), '.', '')
                            || '@gmail.com'
                       ELSE split_part(split_part(lower(trim(value)), '@', 1), '+', 1)
                            || '@' || split_part(lower(trim(value)), '@', 2) END
        END;
    CREATE OR REPLACE TEMP MACRO personal_email(value) AS
        CASE WHEN NOT list_contains({_list(absent.emails)}, email_address(value))
              AND NOT list_contains({_list(absent.email_users)}, split_part(email_address(value), '@', 1))
              AND split_part(email_address(value), '@', 1) <> ''
             THEN email_address(value) END;
    CREATE OR REPLACE TEMP MACRO personal_phone(value) AS
        CASE WHEN regexp_full_match(regexp_replace(value, '[^+0-9]', '', 'g'), '\\+?[0-9]{{7,15}}')
              AND len(list_distinct(string_split(right(regexp_replace(value, '[^0-9]', '', 'g'), 7), ''))) > 1
              AND NOT contains(value, '1234567')
              AND NOT list_contains({_list(absent.phones)}, value)
             THEN regexp_replace(value, '[^+0-9]', '', 'g') END;
    CREATE OR REPLACE TEMP MACRO plausible_birth(value) AS
        CASE WHEN value > DATE '1900-01-01' AND value <= current_date
              AND NOT list_contains({_list(day.isoformat() for day in absent.dates_of_birth)}, value::VARCHAR)
             THEN value::VARCHAR END;
    CREATE OR REPLACE TEMP MACRO compact(value) AS
        nullif(regexp_replace(upper(strip_accents(value)), '[^\\p{{L}}0-9]', '', 'g'), '');
    CREATE OR REPLACE TEMP MACRO street_line(value) AS
        nullif(list_aggregate(list_transform(
            list_filter(regexp_split_to_array(
                regexp_replace(regexp_replace(folded(value), 'str(asse|\\.)?(\\s|$)', ' st ', 'g'),
                               '([0-9])\\s+([a-z])(\\s|$)', '\\1\\2', 'g'), '[^\\p{{L}}0-9]+'),
                lambda token: token <> ''),
            lambda token: CASE token {street_words} ELSE token END), 'string_agg', ' '), '');
    """


@lru_cache(maxsize=1)
def nicknames() -> pa.Table:
    """Short forms and the groups they belong to: columns ``name`` and ``full_name``, one row per membership."""
    text = Path(__file__).with_name("nicknames.yaml").read_text(encoding="utf-8")
    groups = [line.split() for lines in YAML(typ="safe").load(text).values() for line in lines]
    pairs = sorted({(name, group[0]) for group in groups for name in group})
    return pa.table({"name": [name for name, _ in pairs], "full_name": [full for _, full in pairs]})


def prepare(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Give ``con`` the macros, and the temporary table ``nickname_groups`` (name, forms, canonical).

    ``forms`` are all full forms a name may stand for. ``canonical`` is the one full form when there is exactly
    one, else the name itself: an "alex" may be either of two people.
    """
    con.execute(macros(settings))
    con.register("nickname_rows", nicknames())
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE nickname_groups AS
        SELECT folded(name) AS name,
               list_sort(list_distinct(list(folded(full_name)))) AS forms,
               CASE WHEN count(DISTINCT folded(full_name)) = 1 THEN min(folded(full_name))
                    ELSE folded(name) END AS canonical
        FROM nickname_rows GROUP BY folded(name)
        """
    )
    con.unregister("nickname_rows")


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(literal(value) for value in values) + "]::VARCHAR[]"
