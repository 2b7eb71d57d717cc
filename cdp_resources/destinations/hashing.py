"""How advertising platforms want people's data before it is hashed. Pure: each function gives None for no usable value.

Google: https://developers.google.com/data-manager/api/devguides/concepts/formatting and `user_data.proto`.
Meta: https://developers.facebook.com/documentation/ads-commerce/marketing-api/audiences/guides/custom-audiences#hash
"""

import hashlib
import re
from collections.abc import Callable

Normalise = Callable[[str], str]

HASHED = re.compile(r"[0-9a-fA-F]{64}")
NOT_LETTERS_OR_DIGITS = re.compile(r"[\W_]+")
PUNCTUATION = re.compile(r"[^\w\s]|_")
TITLES = re.compile(r"^(mr|mrs|ms|miss|mx|dr|prof)\.?\s+(?=\S)|(?<=\S)[\s,]+(jr|sr|ii|iii|iv)\.?$")
GOOGLE_MAIL = {"gmail.com", "googlemail.com"}


def sha256(value: object, normalise: Normalise) -> str | None:
    """The SHA-256 of a normalised value in lower-case hex; what is a hash already passes through."""
    text = str(value).strip() if value is not None else ""
    if HASHED.fullmatch(text):
        return text.lower()
    normal = normalise(text)
    return hashlib.sha256(normal.encode()).hexdigest() if normal else None


def google_email(text: str) -> str:
    """Lower case without white space; at Gmail without dots, and without `+` and what follows it."""
    user, at, domain = re.sub(r"\s", "", text).lower().partition("@")
    if domain in GOOGLE_MAIL:
        user = user.split("+")[0].replace(".", "")
    return f"{user}@{domain}" if user and at and domain and "@" not in domain else ""


def google_phone(text: str) -> str:
    """E.164: a plus and digits."""
    digits = re.sub(r"[^0-9]", "", text)
    return f"+{digits}" if digits else ""


def google_name(text: str) -> str:
    """Lower case without punctuation, titles such as Mrs. and suffixes such as Jr."""
    return " ".join(PUNCTUATION.sub("", TITLES.sub("", text.strip().lower())).split())


def meta_email(text: str) -> str:
    """Lower case."""
    return text.strip().lower() if re.fullmatch(r"[^@\s]+@[^@\s]+", text.strip()) else ""


def meta_phone(text: str) -> str:
    """Digits only, with the country code: without symbols, letters and leading zeros."""
    return re.sub(r"[^0-9]", "", text).lstrip("0")


def meta_name(text: str) -> str:
    """Lower case without punctuation; other letters than a to z stay as they are."""
    return " ".join(PUNCTUATION.sub("", text.lower()).split())


def meta_place(text: str) -> str:
    """Lower case without punctuation, special characters and white space: cities and states."""
    return NOT_LETTERS_OR_DIGITS.sub("", text.lower())


def meta_postal_code(text: str) -> str:
    """Lower case without white space; of American codes with nine digits the first five."""
    american = re.fullmatch(r"(\d{5})-\d{4}", text.strip())
    return american[1] if american else meta_place(text)


def meta_country(text: str) -> str:
    """Two letters in lower case (ISO 3166-1)."""
    return text.strip().lower() if re.fullmatch(r"[A-Za-z]{2}", text.strip()) else ""


def meta_gender(text: str) -> str:
    """m or f."""
    return {"m": "m", "male": "m", "f": "f", "female": "f"}.get(text.strip().lower(), "")


def date_part(part: int) -> Normalise:
    """Year (0), month (1) or day (2) of a date as YYYY-MM-DD: four or two digits."""

    def taken(text: str) -> str:
        date = re.match(r"(\d{4})-(\d{2})-(\d{2})", text.strip())
        return date[part + 1] if date else ""

    return taken
