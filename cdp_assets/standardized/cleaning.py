"""Values as people write them, made presentable: countries, phone numbers, broken encodings.

What needs a library is worked out once for each distinct value, as a small table that SQL joins.
"""

import re
import unicodedata
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
    "AE": ["UAE"],
    "BA": ["Bosnia and Herzegovina", "Bosnia"],
    "CD": ["DR Congo"],
    "CI": ["Ivory Coast", "Elfenbeinküste"],
    "CN": ["PRC", "People's Republic of China"],
    "CZ": ["Czech Republic"],
    "DE": ["BRD"],
    "GB": [
        *("England", "Scotland", "Wales", "Northern Ireland", "Great Britain", "Großbritannien", "Grossbritannien"),
        *("Grande-Bretagne", "Gran Bretaña", "Groot-Brittannië"),
    ],
    "HK": ["Hong Kong", "Hongkong"],
    "IE": ["Eire", "Republic of Ireland"],
    "KR": ["Republic of Korea", "Korea"],
    "MK": ["Macedonia"],
    "MM": ["Burma"],
    "MO": ["Macau", "Macao"],
    "NL": ["Holland"],
    "RU": ["Russian Federation"],
    "SK": ["Slovak Republic"],
    "SZ": ["Swaziland"],
    "TR": ["Turkey"],
    "US": ["United States of America"],
    "VN": ["Viet Nam"],
    "ZA": ["RSA"],
}
"""What people write, and CLDR does not know or no longer calls so."""


@lru_cache(maxsize=1)
def country_codes() -> dict[str, str]:
    """ISO 3166 code by ``_letters`` of codes, aliases, and the names of CLDR in many languages."""
    territories = (str(code) for code in Locale("en").territories)
    codes = {code for code in territories if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES}
    names = {_letters(code): code for code in codes}
    names |= {_letters(name): code for code, more in COLLOQUIAL.items() for name in more}
    for alias, targets in get_global("territory_aliases").items():
        if len(targets) == 1 and targets[0] in codes and alias.isalpha():
            names.setdefault(_letters(alias), targets[0])
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in codes:
                names.setdefault(_letters(name), code)
    return names


def country_code(text: str) -> str | None:
    """The ISO 3166 code of a country as people write it, or None when there is no such country."""
    return country_codes().get(_letters(text))


def _letters(text: str) -> str:
    """Lower case words without accents, dots and other signs: what is left to compare names by."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("&", " and ").replace(".", ""))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return re.sub(r"[\W\d_]+", " ", plain).strip().removeprefix("the ")


def countries(con: duckdb.DuckDBPyConnection, table: str) -> pa.Table:
    """Columns ``text`` and ``code`` for each distinct country of ``table`` (its column country)."""
    texts = [
        text for (text,) in con.execute(f"SELECT DISTINCT country FROM {table} WHERE country IS NOT NULL").fetchall()
    ]
    return pa.table(
        {"text": pa.array(texts, pa.string()), "code": pa.array([country_code(text) for text in texts], pa.string())}
    )


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
