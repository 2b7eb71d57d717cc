"""Values as people write them, made presentable: countries, phone numbers, broken encodings.

What needs a library is worked out once for each distinct value, as a small table that SQL joins.
"""

from functools import lru_cache

import duckdb
import ftfy
import phonenumbers
import pyarrow as pa
from babel import Locale
from babel.core import get_global

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "da", "tr")
NOT_COUNTRIES = {"EU", "EZ", "UN", "XA", "XB", "ZZ"}
COLLOQUIAL = {
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "great britain": "GB",
    "northern ireland": "GB",
    "großbritannien": "GB",
    "grossbritannien": "GB",
    "grande-bretagne": "GB",
    "gran bretaña": "GB",
    "groot-brittannië": "GB",
}
COLLOQUIAL |= {
    "u.k.": "GB",
    "u.s.": "US",
    "u.s.a.": "US",
    "brd": "DE",
    "eire": "IE",
    "rsa": "ZA",
    "holland": "NL",
}


@lru_cache(maxsize=1)
def country_names() -> pa.Table:
    """Columns ``name`` (lower case) and ``code`` (ISO 3166): codes, aliases and the names of CLDR in many languages."""
    territories = (str(code) for code in Locale("en").territories)
    codes = {code for code in territories if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES}
    names = {code.lower(): code for code in codes}
    for alias, targets in get_global("territory_aliases").items():
        if len(targets) == 1 and targets[0] in codes:
            names.setdefault(alias.lower(), targets[0])
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in codes:
                names.setdefault(name.lower(), code)
    names |= COLLOQUIAL
    return pa.table({"name": list(names), "code": list(names.values())})


def e164(text: str, country: str | None) -> str | None:
    """A phone number as E.164, or None when it is not a number that exists in its country's plan."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def phone_numbers(con: duckdb.DuckDBPyConnection, table: str) -> pa.Table:
    """Columns ``text``, ``country``, ``number`` for each distinct phone of ``table`` (its columns phone, country)."""
    pairs = con.execute(f"SELECT DISTINCT phone, coalesce(country, '') FROM {table} WHERE phone IS NOT NULL").fetchall()
    return pa.table(
        {
            "text": pa.array([text for text, _ in pairs], pa.string()),
            "country": pa.array([country for _, country in pairs], pa.string()),
            "number": pa.array([e164(text, country or None) for text, country in pairs], pa.string()),
        }
    )


def repaired_texts(con: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> pa.Table:
    """Columns ``broken`` and ``repaired`` for texts whose UTF-8 was once read as something else (`MÃ¼ller`)."""
    selects = " UNION ".join(f"SELECT {column} AS text FROM {table}" for column in columns)
    texts = con.execute(f"SELECT text FROM ({selects}) WHERE regexp_matches(text, '[ÃÂâÐÅÄ][^a-zA-Z ]|ï¿½')").fetchall()
    pairs = [(text, fixed) for (text,) in texts if (fixed := ftfy.fix_encoding(text)) != text]
    return pa.table(
        {
            "broken": pa.array([broken for broken, _ in pairs], pa.string()),
            "repaired": pa.array([repaired for _, repaired in pairs], pa.string()),
        }
    )
