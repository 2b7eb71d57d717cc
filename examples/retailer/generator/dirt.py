"""The mechanics of dirt as SQL macros: typos, encodings, spellings, formats. How often is in `rates.py`."""

import duckdb

from .rates import Dirt

BAD_BYTE = "\ue000"  # stands for one byte that is not UTF-8; `files.py` puts it in after encoding
PLACEHOLDER_EMAILS = "['test@test.com', 'noreply@example.com', 'n/a', 'asdf@asdf.de', 'none@none.com']"
PLACEHOLDER_PHONES = "['0000000000', '123456789', 'N/A', '+440000000000', '00000']"
PLACEHOLDER_DATES = "[DATE '1900-01-01', DATE '1970-01-01', DATE '1900-01-01']"

_MACROS = """
CREATE MACRO german_ascii(s) AS replace(replace(replace(replace(replace(replace(replace(s,
    'ü', 'ue'), 'ö', 'oe'), 'ä', 'ae'), 'ß', 'ss'), 'Ü', 'Ue'), 'Ö', 'Oe'), 'Ä', 'Ae');
CREATE MACRO plain(s) AS translate(strip_accents(german_ascii(s)), 'łŁıİşŞğĞ', 'lLiIsSgG');
CREATE MACRO ascii_of(s) AS lower(plain(s));
CREATE MACRO decomposed(s) AS replace(replace(replace(replace(replace(replace(replace(s, 'ü', 'u'
    || chr(776)),
    'ö', 'o' || chr(776)), 'ä', 'a' || chr(776)), 'é', 'e' || chr(769)), 'ñ', 'n' || chr(771)), 'í', 'i'
        || chr(769)),
    'ó', 'o' || chr(769));
CREATE MACRO mojibake(s) AS replace(replace(replace(replace(replace(replace(replace(s, 'ü', 'Ã¼'), 'ö',
    'Ã¶'), 'ä', 'Ã¤'),
    'ß', 'ÃŸ'), 'é', 'Ã©'), 'á', 'Ã¡'), 'ó', 'Ã³');
CREATE MACRO ocr(s) AS CASE WHEN contains(s, 'm') THEN regexp_replace(s, 'm', 'rn') WHEN contains(s, 'l')
    THEN regexp_replace(s, 'l', '1') WHEN contains(s, 'o') THEN regexp_replace(s, 'o', '0')
    ELSE replace(s, 'i', 'l') END;
CREATE MACRO heard(s) AS CASE WHEN contains(s, 'ph') THEN replace(s, 'ph', 'f') WHEN contains(s, 'ck')
    THEN replace(s, 'ck', 'k') WHEN contains(s, 'ei') THEN replace(s, 'ei', 'ie') WHEN contains(s, 'ie')
    THEN replace(s, 'ie', 'ei') WHEN contains(s, 'th') THEN replace(s, 'th', 't') WHEN contains(s, 'ss')
    THEN replace(s, 'ss', 's') WHEN contains(s, 'y') THEN replace(s, 'y', 'i') ELSE replace(s, 'c', 'k') END;
CREATE MACRO typo_at(s, r, i) AS CASE r % 7
    WHEN 0 THEN s[:i - 1] || s[i + 1:]
    WHEN 1 THEN s[:i - 1] || s[i + 1] || s[i] || s[i + 2:]
    WHEN 2 THEN s[:i] || s[i:]
    WHEN 3 THEN s[:i - 1] || translate(s[i], 'qwertyuiopasdfghjklzxcvbnm', 'wertzuiopisdfghjklkxcvbnmn')
    || s[i + 1:]
    WHEN 4 THEN ocr(s)
    ELSE heard(s) END;
CREATE MACRO typo(s, r) AS CASE WHEN length(s) < 4 THEN s ELSE typo_at(s, r, 2 + ((r >> 8) % (length(s) -
    2))::INTEGER) END;
CREATE MACRO street_short(s) AS regexp_replace(replace(replace(replace(replace(replace(s, 'straße', 'str.'),
    ' Road', ' Rd'),
    ' Avenue', ' Ave'), ' Drive', ' Dr'), ' Lane', ' Ln'), ' Street\\b', ' St');
CREATE MACRO us_local(x) AS CASE WHEN (x // 10000) % 100 = 11 OR x // 10000 = 355 THEN 201 + x // 10000
    ELSE 200 + x // 10000 END
    || lpad((x % 10000)::VARCHAR, 4, '0');
CREATE MACRO dial(country) AS CASE country WHEN 'GB' THEN '44' WHEN 'DE' THEN '49' ELSE '1' END;
CREATE MACRO phone_parts(country, a, l, x) AS CASE
    WHEN x < .30 THEN '+' || dial(country) || a || l
    WHEN x < .50 THEN CASE country WHEN 'US' THEN '(' || a || ') ' || l[:3] || '-' || l[4:] WHEN 'GB'
    THEN '0' || a || ' ' || l[:3]
        || ' ' || l[4:] ELSE '0' || a || '/' || l END
    WHEN x < .60 THEN CASE country WHEN 'US' THEN a || '-' || l[:3] || '-' || l[4:] ELSE '00'
    || dial(country) || ' ' || a || l END
    WHEN x < .70 THEN CASE country WHEN 'US' THEN '1 ' || a || ' ' || l ELSE '+' || dial(country) || ' (0)'
    || a || ' ' || l END
    WHEN x < .85 THEN '+' || dial(country) || ' ' || a || ' ' || l
    ELSE CASE country WHEN 'US' THEN '' ELSE '0' END || a || l END;
CREATE MACRO phone_as(country, p, x) AS phone_parts(country, split_part(p, '-', 1), split_part(p, '-', 2), x);
CREATE MACRO email_typo(s, r) AS CASE r % 4 WHEN 0 THEN replace(replace(s, 'gmail.com', 'gmial.com'), 'gmx',
    'gmy')
    WHEN 1 THEN regexp_replace(s, '\\.(com|de|co\\.uk|net)$', '.con') WHEN 2 THEN replace(s, '@', '')
    ELSE typo(s, r) END;
CREATE MACRO country_as(country, x) AS CASE country
    WHEN 'GB' THEN pick(['UK', 'GB', 'United Kingdom', 'UK', 'Great Britain', 'England'], x)
    WHEN 'DE' THEN pick(['DE', 'Deutschland', 'DE', 'Germany', 'D'], x)
    ELSE pick(['US', 'USA', 'US', 'United States', 'U.S.A.'], x) END;
CREATE MACRO quoted(s, separator) AS CASE WHEN contains(s, separator) OR contains(s, '"') THEN '"'
    || replace(s, '"', '""') || '"' ELSE s END;
"""


def create_macros(con: duckdb.DuckDBPyConnection) -> None:
    """Needs the macros of `randomness.py`."""
    con.execute(_MACROS)


def surface(text: str, key: str, salt: str, dirt: Dirt) -> str:
    """SQL: `text` in the case, spacing or encoding a careless system leaves it in; one distortion at most."""
    forms = [
        (dirt.upper, f"upper({text})"),
        (dirt.lower, f"lower({text})"),
        (dirt.spaces, f"' ' || replace({text}, ' ', '  ') || ' '"),
        (dirt.ascii, f"plain({text})"),
        (dirt.decomposed, f"decomposed({text})"),
        (dirt.mojibake, f"mojibake({text})"),
    ]
    reached, branches = 0.0, []
    for share, form in forms:
        if share:
            reached += share
            branches.append(f"WHEN u({key}, '{salt}') < {reached:.4f} THEN {form}")
    return f"CASE {' '.join(branches)} ELSE {text} END" if branches else text
