"""Postal addresses in comparable form, as their country writes them: what `addresses.yaml` knows, for addresses.sql."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from ruamel.yaml import YAML

from cdp_resources.sql import literal

SYMBOLS = {"unit": "apt", "floor": "fl", "number": "no"}
"""What words of a kind become, so that addresses.sql finds them."""

ELSEWHERE = ""
"""Stands for records without a country, and for countries that the YAML does not have."""

Word = tuple[str, str, str, str]
"""Country, whether of a street or a place, word, and what it becomes; nothing where it says nothing."""


def normalise_addresses(con: duckdb.DuckDBPyConnection) -> None:
    """Fill the tables of addresses.sql from ``changed_customers``. Needs the macros of normalization.py."""
    known, customs = words(), countries()
    columns = dict(zip(("country", "part", "word", "short"), map(list, zip(*known, strict=True)), strict=True))
    con.register("word_rows", pa.table(columns))
    con.register(
        "custom_rows",
        pa.table(
            {
                "country": list(customs),
                "digits": pa.array([c.get("post_code") for c in customs.values()], pa.int32()),
                "unit_before": pa.array([c.get("unit_before") for c in customs.values()], pa.string()),
                "regions": pa.array([c.get("regions", "").split() for c in customs.values()], pa.list_(pa.string())),
            }
        ),
    )
    con.execute(f"CREATE OR REPLACE TEMP MACRO parted(line) AS {_parted()}")
    con.execute(_sql())
    con.unregister("word_rows")
    con.unregister("custom_rows")


def definition() -> str:
    """Changes whenever an address could become something else."""
    return "\n".join([_sql(), str(words()), str(countries()), _parted()])


@lru_cache(maxsize=1)
def words() -> list[Word]:
    """What each word becomes, by country; for ELSEWHERE what all languages that have it agree on."""
    languages = {name: dict(_of_language(data)) for name, data in _read()["languages"].items()}
    found: list[Word] = []
    for code, country in countries().items():
        merged: dict[tuple[str, str], str] = {}
        for language in country["languages"].split():
            merged = languages[language] | merged
        found += [(code, part, word, short) for (part, word), short in merged.items()]
    for part, word in sorted({key for known in languages.values() for key in known}):
        meanings = {known[part, word] for known in languages.values() if (part, word) in known}
        if len(meanings) == 1 and (len(word) > 1 or word == "#"):
            found.append((ELSEWHERE, part, word, meanings.pop()))
    return found


def countries() -> Mapping[str, Mapping[str, Any]]:
    """What sets each country apart, by its code."""
    return dict(_read()["countries"])


def _of_language(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    for part in ("street", "place"):
        for line in data.get(part, []):
            short, *longer = line.split()
            meaning = short.removeprefix("-")
            yield from (((part, word.replace(".", "")), meaning) for word in (short, *longer) if word != "-")
    for kind, symbol in SYMBOLS.items():
        yield from ((("street", word), symbol) for word in data.get(kind, "").split())


def _parted() -> str:
    """SQL that parts street types from names they are written together with, and joins v.le: hauptstrasse, hauptstr."""
    text = " ".join(line for data in _read()["languages"].values() for line in data.get("street", []))
    first, last = (sorted(set(part)) for part in zip(*re.findall(r"(\w)\.(\w+)", text), strict=True))
    join = literal(rf"\b({'|'.join(first)})\.({'|'.join(last)})\b")
    sql = rf"regexp_replace(line, {join}, '\1\2', 'g')"
    for line in _read()["endings"]:
        short, *longer = line.split()
        ends = "|".join(re.escape(word) if word.endswith(".") else word + r"\b\.?" for word in longer)
        glued = literal(r"(\p{L}{2,})(?:" + ends + ")")
        sql = rf"regexp_replace({sql}, {glued}, '\1 {short} ', 'g')"
    return sql


def _sql() -> str:
    return Path(__file__).with_name("addresses.sql").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    text = Path(__file__).with_name("addresses.yaml").read_text(encoding="utf-8")
    return dict(YAML(typ="safe").load(text))
