"""Normalising and hashing, held against the examples that the platforms publish."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_resources.destinations import hashing

GOOGLE = [
    (hashing.google_email, "QuinnY@EXAMPLE.com", "quinny@example.com"),
    (hashing.google_email, "Jefferson.Loves.hiking@gmail.com", "jeffersonloveshiking@gmail.com"),
    (hashing.google_email, "Jefferson.LOVES.Hiking@googlemail.com", "jeffersonloveshiking@googlemail.com"),
    (hashing.google_email, "Cloudy.SanFrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com"),
    (hashing.google_email, "user.name+NYC@Example.com", "user.name+nyc@example.com"),
    (hashing.google_email, "baklavainthebalkans@gmail.com  ", "baklavainthebalkans@gmail.com"),
    (hashing.google_email, "quinn", ""),
    (hashing.google_email, " @googlemail.com", ""),
    (hashing.google_email, " ...@gmail.com", ""),
    (hashing.google_phone, "1 800 555 0100", "+18005550100"),
    (hashing.google_phone, "+1 800-555-0100", "+18005550100"),
    (hashing.google_phone, "+44-113-496-0987", "+441134960987"),
    (hashing.google_phone, " +A BCD EFG ", ""),
    (hashing.google_name, "  GivenName  ", "givenname"),
    (hashing.google_name, "Mrs. Dana", "dana"),
    (hashing.google_name, "O'Hara, Jr.", "ohara"),
    (hashing.google_name, "Jr.", "jr"),
]
"""https://github.com/googleads/data-manager-python (tests), and the guide's "Format user data"."""

META = [
    (hashing.meta_email, "John_Smith@gmail.com", "john_smith@gmail.com"),
    (hashing.meta_email, "john.smith+x@gmail.com", "john.smith+x@gmail.com"),
    (hashing.meta_email, "no address", ""),
    (hashing.meta_phone, "+1 (650) 555-1212", "16505551212"),
    (hashing.meta_phone, "0044 7911 123456", "447911123456"),
    (hashing.meta_name, "Mary", "mary"),
    (hashing.meta_name, "O'Brien-Jones", "obrienjones"),
    (hashing.meta_name, "Valéry", "valéry"),
    (hashing.meta_name, "정", "정"),
    (hashing.meta_place, "New York", "newyork"),
    (hashing.meta_place, "St. John's", "stjohns"),
    (hashing.meta_postal_code, "94035-1234", "94035"),
    (hashing.meta_postal_code, "M1 1AE", "m11ae"),
    (hashing.meta_country, "US", "us"),
    (hashing.meta_country, "United States", ""),
    (hashing.meta_gender, "Female", "f"),
    (hashing.meta_gender, "x", ""),
    (hashing.date_part(0), "1997-02-16", "1997"),
    (hashing.date_part(1), "1997-02-16", "02"),
    (hashing.date_part(2), "1997-02-16", "16"),
    (hashing.date_part(2), "16.2.1997", ""),
]
"""https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters"""

HASHES = [
    (hashing.google_email, " ALEXZ@example.com ", "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a"),
    (hashing.google_phone, "1-800-555-0100", "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30"),
    (hashing.google_name, "GivenName", "128a07bfe2df877c52076e60d7774cf5baaa046c5a6c48daf30ff43ecca2f814"),
    (hashing.google_name, "FamilyName", "77762c287e61ce065bee5c15464012c6fbe088398b8057627d5577249430d574"),
    (hashing.meta_email, "John_Smith@gmail.com", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
    (hashing.meta_phone, "(1) 650-555-1212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
    (hashing.meta_name, "Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
    (hashing.meta_name, "Smith", "6627835f988e2c5e50533d491163072d3f4f41f5c8b04630150debb3722ca2dd"),
    (hashing.meta_gender, "female", "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"),
    (hashing.meta_place, "New York", "350c754ba4d38897693aa077ef43072a859d23f613443133fecbbd90a3512ca5"),
    (hashing.meta_place, "CA", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
    (hashing.meta_country, "us", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
]
"""As published."""

NORMALISERS = sorted({how for how, _, _ in (*GOOGLE, *META)}, key=lambda how: how.__name__)


@pytest.mark.parametrize(("normalise", "written", "normal"), [*GOOGLE, *META])
def test_a_published_example_is_normalised_as_published(
    normalise: Callable[[str], str], written: str, normal: str
) -> None:
    assert normalise(written) == normal


@pytest.mark.parametrize(("normalise", "written", "hashed"), HASHES)
def test_a_published_hash_comes_out(normalise: Callable[[str], str], written: str, hashed: str) -> None:
    assert hashing.sha256(written, normalise) == hashed


@pytest.mark.parametrize("normalise", NORMALISERS)
def test_what_is_hashed_already_passes_and_nothing_gives_nothing(normalise: Callable[[str], str]) -> None:
    already = hashlib.sha256(b"anything").hexdigest()
    assert hashing.sha256(already.upper(), normalise) == already
    assert hashing.sha256("", normalise) is None
    assert hashing.sha256(None, normalise) is None
    assert hashing.sha256(" .- ", normalise) is None


@given(st.sampled_from([how for how in NORMALISERS if how.__name__ != "taken"]), st.text(max_size=20))
def test_normalising_twice_is_normalising_once(normalise: Callable[[str], str], text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
