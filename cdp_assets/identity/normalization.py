"""SQL macros that make equal things compare equal, and the nickname table they use.

Everything here is about one value at a time; which columns they apply to stands in ``evidence.sql``.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
from anyascii import anyascii
from nicknames import NickNamer
from ruamel.yaml import YAML

from cdp_assets.identity.phone_kinds import phone_patterns
from cdp_model.identity import IdentitySettings
from cdp_resources.sql import literal

TITLES = (
    *("dr", "prof", "professor", "mr", "mrs", "ms", "mx", "miss", "mister", "sir", "dame", "rev"),
    *("herr", "frau", "hr", "fr", "sr", "sra", "srta", "don", "dona", "dipl", "ing", "mag", "med", "phd"),
    *(
        "msc",
        "bsc",
        "mba",
        "md",
        "esq",
        "mme",
        "mlle",
        "monsieur",
        "madame",
        "sig",
        "signor",
        "signora",
        "pan",
        "pani",
        "dott",
    ),
)
"""Not names, unless nothing else is left of one: a Don Miller is called Don."""
SUFFIXES = {
    **dict.fromkeys(("jr", "jun", "junior", "jnr"), "jr"),
    **dict.fromkeys(("sr", "sen", "senior", "snr"), "sr"),
    **{numeral: numeral for numeral in ("ii", "iii", "iv")},
}


def macros(settings: IdentitySettings) -> str:
    """The statements that create the temporary macros ``evidence.sql`` is written in."""
    absent = settings.placeholders
    contacts = sorted({*settings.shared_prone, "email", "phone", "device"} - set(settings.strong))
    mobile, told_apart = phone_patterns()
    return f"""
    CREATE OR REPLACE TEMP MACRO latin(value) AS
        CASE WHEN regexp_matches(value, '[^\\x00-\\x{{24F}}]')
             THEN array_to_string(list_transform(string_split(nfc_normalize(value), ''),
                 lambda letter: {_latin_letter()}), '')
             ELSE nfc_normalize(value) END;
    CREATE OR REPLACE TEMP MACRO folded(value) AS
        replace(replace(replace(
            strip_accents(replace(replace(replace(
                translate(lower(latin(value)), 'łđøðı', 'ldodi'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')),
        'ae', 'a'), 'oe', 'o'), 'ue', 'u');
    CREATE OR REPLACE TEMP MACRO words(value) AS
        list_filter(regexp_split_to_array(regexp_replace(folded(value), '[''’`´]', '', 'g'), '[^\\p{{L}}]+'),
            lambda token: token <> '');
    CREATE OR REPLACE TEMP MACRO without_titles(tokens) AS
        CASE WHEN list_has_all({_list((*TITLES, *SUFFIXES))}, tokens) THEN tokens
             ELSE list_filter(tokens, lambda token: NOT list_contains({_list((*TITLES, *SUFFIXES))}, token)) END;
    CREATE OR REPLACE TEMP MACRO name_tokens(value) AS
        CASE WHEN NOT list_contains({_list(absent.names)}, lower(trim(value))) THEN without_titles(words(value)) END;
    CREATE OR REPLACE TEMP MACRO generation_suffix(value) AS
        CASE WHEN contains(trim(value), ' ') THEN {_map(SUFFIXES)}[words(value)[-1]] END;
    CREATE OR REPLACE TEMP MACRO repeats(text) AS replace(text, left(text, 1), '') = '';
    CREATE OR REPLACE TEMP MACRO identifier(value) AS
        CASE WHEN repeats(regexp_replace(value, '[\\s./-]', '', 'g'))
                  AND length(trim(value)) > 4 THEN NULL
             WHEN regexp_full_match(trim(value), '[0-9][0-9\\s./-]*') THEN regexp_replace(value, '[\\s./-]', '', 'g')
             ELSE nullif(trim(value), '') END;
    CREATE OR REPLACE TEMP MACRO is_number(type) AS
        NOT list_contains({_list(contacts)}, type) AND regexp_full_match(type, '[a-z][a-z0-9_]*');
    -- a list of one: its lambda works on what is worked out once
    CREATE OR REPLACE TEMP MACRO email_address(value) AS
        CASE WHEN regexp_full_match(trim(value), '[^@\\s]+@[^@\\s]+\\.[^@\\s.]+') THEN list_transform(
            [string_split(lower(trim(value)), '@')],
            lambda parts: CASE WHEN parts[2] IN ('gmail.com', 'googlemail.com')
                THEN replace(split_part(parts[1], '+', 1), '.', '') || '@gmail.com'
                ELSE split_part(parts[1], '+', 1) || '@' || parts[2] END)[1] END;
    CREATE OR REPLACE TEMP MACRO letters_alone(email_user) AS
        CASE WHEN NOT regexp_matches(email_user, '[0-9]')
             THEN regexp_replace(folded(email_user), '[^\\p{{L}}]', '', 'g') END;
    CREATE OR REPLACE TEMP MACRO made_of_names(letters, firsts, last) AS
        coalesce(list_contains(
            flatten(list_transform(firsts, lambda first: [first, last, first || last, last || first,
                left(first, 1) || last, last || left(first, 1), first || left(last, 1)])), letters), false);
    CREATE OR REPLACE TEMP MACRO personal_email(value) AS
        list_transform([email_address(value)], lambda address:
            CASE WHEN NOT list_contains({_list(absent.emails)}, address)
                  AND NOT list_contains({_list(absent.email_users)}, split_part(address, '@', 1))
                  AND NOT starts_with(address, '@')
                 THEN address END)[1];
    CREATE OR REPLACE TEMP MACRO personal_phone(value) AS
        CASE WHEN regexp_full_match(regexp_replace(value, '[^+0-9]', '', 'g'), '\\+?[0-9]{{7,15}}')
              AND NOT repeats(right(regexp_replace(value, '[^0-9]', '', 'g'), 7))
              AND NOT contains(value, '1234567')
              AND NOT list_contains({_list(absent.phones)}, value)
             THEN regexp_replace(value, '[^+0-9]', '', 'g') END;
    CREATE OR REPLACE TEMP MACRO phone_kind(phone) AS
        CASE WHEN regexp_full_match(phone, {literal(mobile)}) THEN 'mobile'
             WHEN regexp_full_match(phone, {literal(told_apart)}) THEN 'landline' END;
    CREATE OR REPLACE TEMP MACRO plausible_birth(value) AS
        CASE WHEN value > DATE '1900-01-01' AND value <= current_date
              AND NOT list_contains({_list(day.isoformat() for day in absent.dates_of_birth)}, value::VARCHAR)
             THEN value::VARCHAR END;
    CREATE OR REPLACE TEMP MACRO compact(value) AS
        nullif(regexp_replace(upper(strip_accents(value)), '[^\\p{{L}}0-9]', '', 'g'), '');
    """


@lru_cache(maxsize=1)
def nicknames() -> pa.Table:
    """Short forms and the names they stand for: columns ``name``, ``full_name`` and ``ours``, one row per pair.

    English ones come from the list of the package `nicknames`; ours, in nicknames.yaml, are the other languages' and
    those that stand for one name alone.
    """
    text = Path(__file__).with_name("nicknames.yaml").read_text(encoding="utf-8")
    groups = [line.split() for lines in YAML(typ="safe").load(text).values() for line in lines]
    ours = {(name, group[0]) for group in groups for name in group}
    listed = NickNamer.default_lookup()
    # a short form with short forms of its own is a name itself: hannah is not anna
    english = {(short, full) for full, shorts in listed.items() for short in shorts if short not in listed}
    pairs = sorted(ours | english)
    return pa.table(
        {
            "name": [name for name, _ in pairs],
            "full_name": [full for _, full in pairs],
            "ours": [pair in ours for pair in pairs],
        }
    )


@lru_cache(maxsize=1)
def latin_letters() -> dict[str, str]:
    """Letters of alphabets that are written one sound at a time, in Latin letters. Han and Hangul stay as they are."""
    letters = (chr(code) for first, last in ALPHABETS for code in range(first, last + 1))
    return {letter: anyascii(letter) for letter in letters if letter.isalpha() and anyascii(letter)}


def _latin_letter() -> str:
    """The SQL of one ``letter`` in Latin letters: cut from a text in which each has as much room as the longest.

    A map would be copied for each letter: it took 50 ms for one address.
    """
    letters = latin_letters()
    room, text, places = max(map(len, letters.values())), "", []
    for first, last in ALPHABETS:
        places.append(
            f"WHEN unicode(letter) BETWEEN {first} AND {last} THEN unicode(letter) - {first - len(text) // room}"
        )
        text += "".join(letters.get(chr(code), "").ljust(room) for code in range(first, last + 1))
    start = f"(CASE {' '.join(places)} END) * {room} + 1"
    return f"coalesce(nullif(trim(substr({literal(text)}, {start}, {room})), ''), letter)"


ALPHABETS = ((0x370, 0x6FF), (0x10A0, 0x10FF), (0x1E00, 0x1FFF))
"""Greek, Cyrillic, Armenian, Hebrew and Arabic; Georgian; and Latin and Greek with further accents."""


def prepare(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Give ``con`` the macros, and the temporary table ``nickname_groups`` (name, forms, canonical).

    ``forms`` are all full forms a name may stand for. ``canonical`` is the one full form when ours knows exactly one,
    else the name itself: an "alex" may be either of two people.
    """
    con.execute(macros(settings))
    con.register("nickname_rows", nicknames())
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE nickname_groups AS
        SELECT folded(name) AS name,
               list_sort(list_distinct(list(folded(full_name)))) AS forms,
               CASE WHEN count(DISTINCT folded(full_name)) FILTER (ours) = 1 THEN min(folded(full_name)) FILTER (ours)
                    ELSE folded(name) END AS canonical
        FROM nickname_rows GROUP BY folded(name)
        """
    )
    con.unregister("nickname_rows")


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(literal(value) for value in values) + "]::VARCHAR[]"


def _map(pairs: Mapping[str, str]) -> str:
    return "MAP {" + ", ".join(f"{literal(key)}: {literal(value)}" for key, value in pairs.items()) + "}"
