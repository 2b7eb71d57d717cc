"""What the columns of a source probably mean, by their names: a draft of a mapping for a person to correct."""

import json
import re
from collections.abc import Iterable, Mapping

MEANINGS = {
    "id": ("id", "customerid", "contactid", "userid", "accountid", "personid", "uuid", "recordid", "customerno"),
    "first_name": ("firstname", "givenname", "forename", "vorname", "prenom"),
    "last_name": ("lastname", "surname", "familyname", "nachname", "nom"),
    "email": ("email", "emailaddress", "mail", "emailaddr", "guestemail"),
    "phone": ("phone", "phonenumber", "mobile", "mobilephone", "telephone", "tel", "telefon"),
    "date_of_birth": ("dateofbirth", "birthdate", "birthday", "dob", "born", "geburtsdatum"),
    "gender": ("gender", "sex", "geschlecht"),
    "street": ("street", "address1", "addressline1", "streetaddress", "strasse", "address"),
    "city": ("city", "town", "ort", "stadt"),
    "region": ("region", "state", "province", "county"),
    "postal_code": ("postalcode", "postcode", "zip", "zipcode", "plz"),
    "country": ("country", "countrycode", "countryiso", "land"),
    "created_at": ("createdat", "created", "createdate", "creationdate", "signupdate"),
    "updated_at": ("updatedat", "updated", "lastmodified", "lastmodifieddate", "modifiedat", "changedat", "changedon"),
}
"""Field of a customer → names that columns for it have, without case and punctuation; the likeliest first."""

PERSONAL = {"first_name", "last_name", "email", "phone", "date_of_birth", "gender", "street", "postal_code", "city"}


def inferred_mapping(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Field of a customer → expression, for the fields that some column is named for; nested ones included."""
    own: dict[str, str] = {}
    nested: dict[str, str] = {}
    for row in rows:
        for column, text in row.items():
            own.setdefault(_plain(column), _name(column))
            for key in _keys(text):
                escaped = key.replace("'", "''")
                nested.setdefault(_plain(key), f"{_name(column)}->>'{escaped}'")
    places = nested | own
    matches = {
        field: next((places[name] for name in names if name in places), None) for field, names in MEANINGS.items()
    }
    return {field: expression for field, expression in matches.items() if expression}


def is_personal(column: str) -> bool:
    """Whether a column of this name probably holds personal data."""
    return personal_field(column) is not None


def personal_field(column: str) -> str | None:
    """The personal field of a customer that a column of this name probably holds."""
    return next((field for field in MEANINGS if field in PERSONAL and _plain(column) in MEANINGS[field]), None)


def _keys(text: str) -> list[str]:
    if not text.startswith("{"):
        return []
    try:
        nested = json.loads(text)
    except ValueError:
        return []
    return [key for key, value in nested.items() if not isinstance(value, dict | list)]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _name(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z_]\w*", column) else '"' + column.replace('"', '""') + '"'
