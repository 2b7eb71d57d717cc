"""Who of a household a record is about: namesakes, twins, and records that say little."""

import pytest
from identity_population import people, population, quick_lake, run_stage, standardize

from cdp_model.identity import IdentitySettings


def home(key, first_name, last_name, **more):
    return {"key": key, "first_name": first_name, "last_name": last_name, "street": f"{last_name}weg 1", **more}


RECORDS = [
    # father and son, each with a mobile phone
    home("crm:father", "Karl", "Eichhorn", city="Ulm", phone="+4915112345001", email="karl.eichhorn@mail.example"),
    home("crm:son", "Karl", "Eichhorn", city="Ulm", phone="+4917798765432", email="kalle99@other.example"),
    # father and son who give the family's e-mail address and phone
    home("crm:old", "Aaron", "Biber", city="Ulm", date_of_birth="1966-10-19", email="biber@mail.example",
         phone="+497314455667"),
    home("crm:young", "Aaron", "Biber", city="Ulm", date_of_birth="1995-06-24", email="biber@mail.example",
         phone="+497314455667"),
    home("shop:mother", "Hanna", "Biber", city="Ulm", email="biber@mail.example", phone="+497314455667"),
    # a couple of nearly one name, with one address and a phone each
    home("crm:jo", "Jo", "Fuchs", email="diefuchsens@mail.example", phone="+4915112345011"),
    home("crm:joy", "Joy", "Fuchs", email="diefuchsens@mail.example", phone="+4917798765012"),
    home("shop:carl", "Carl", "Fuchs", email="diefuchsens@mail.example"),
    home("shop:lena", "Lena", "Fuchs", email="diefuchsens@mail.example"),
    # brothers of one landline
    home("pos:hans", "Hans", "Luchsberg", email="hans.luchsberg@mail.example", phone="+497314455999"),
    home("crm:johannes", "Johannes", "Luchsberg", email="johannes7@other.example", phone="+497314455999"),
    # one woman with an e-mail address of her own and two phones
    home("crm:one", "Ida", "Hermelin", city="Kiel", email="ida.h@mail.example", phone="+4915112345013"),
    home("pos:two", "Ida", "Hermelin", city="Kiel", email="ida.h@mail.example", phone="+4917798765014"),
    # one man with a mobile phone and a landline
    home("crm:mobile", "Otto", "Zander", city="Jena", phone="+4915112345003", email="otto.zander@mail.example"),
    home("pos:landline", "Otto", "Zander", city="Jena", phone="+493641288911"),
    # siblings
    home("crm:elder", "Paula", "Wiesel", city="Kiel", date_of_birth="1998-06-16", email="paulawiesel@mail.example"),
    home("crm:younger", "Paula", "Wiesel", city="Kiel", date_of_birth="2001-04-05", email="paulawiesel63@mail.example"),
    # twins, of whom one has an initial
    home("crm:t", "T", "Marder", city="Trier", date_of_birth="2006-05-24", phone="+4915112345004"),
    home("crm:o", "Otto", "Marder", city="Trier", date_of_birth="2006-05-24", phone="+4915112345005"),
    # twins, of whom one has a name that is in no list
    home("crm:d", "Daniela", "Otter", city="Kiel", date_of_birth="2002-08-08"),
    home("pos:x", "Xaromir", "Otter", city="Kiel", date_of_birth="2002-08-08", phone="+4915112345009"),
    # the initial of a name that the other is short for
    home("crm:c", "C", "Luchs", city="Ulm", date_of_birth="1997-01-27", phone="+4915112345006"),
    home("pos:lottie", "Lottie", "Luchs", city="Ulm", date_of_birth="1997-01-27", phone="+4915112345006"),
    # a namesake elsewhere, whose records say less and less
    {"key": "shop:full", "first_name": "Nora", "last_name": "Dachs", "street": "Nordallee 7", "city": "Ulm",
     "email": "nd@mail.example", "phone": "+4915112345007", "date_of_birth": "1961-02-03",
     "ids": [("account_id", "D")]},
    {"key": "web:little", "first_name": "Nora", "last_name": "Dachs", "email": "nd@mail.example",
     "ids": [("account_id", "D")]},
    {"key": "pos:namesake", "first_name": "Nora", "last_name": "Dachs", "street": "Südring 88", "city": "Kiel",
     "phone": "+4915112345008"},
    # a number says who a record without a first name is about
    home("crm:named", "Frida", "Iltis", city="Jena", ids=[("loyalty_id", "I")]),
    home("pos:unnamed", None, "Iltis", city="Jena", ids=[("loyalty_id", "I")]),
    home("shop:named", "Frida", "Iltis", city="Jena", email="frida.iltis@mail.example"),
]  # fmt: skip


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """By record, all records of its person."""
    everybody = population()
    for record in everybody:
        number = int(record["key"].split(":")[1])
        record["street"] = f"{record['city']}allee {number}"
        if number % 7 or record["key"].startswith("crm"):
            record["phone"] = f"+49151{22000000 + number * 9173}"
    with quick_lake(tmp_path_factory.mktemp("namesakes")) as lake:
        standardize(lake, [*everybody, *RECORDS])
        run_stage(lake, IdentitySettings())
        return {key: person for person in people(lake) for key in person}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("crm:father", "crm:son"), ("crm:elder", "crm:younger"), ("crm:t", "crm:o"), ("crm:d", "pos:x")),
        *(("crm:old", "crm:young"), ("crm:jo", "crm:joy"), ("pos:hans", "crm:johannes")),
    ],
)
def test_namesakes_and_twins_of_a_household_stay_two_people(persons, one, other):
    assert persons[one] != persons[other]


@pytest.mark.parametrize(
    ("one", "other"), [("crm:mobile", "pos:landline"), ("crm:c", "pos:lottie"), ("crm:one", "pos:two")]
)
def test_a_landline_an_initial_or_a_second_phone_parts_nobody(persons, one, other):
    assert persons[one] == persons[other]


def test_a_record_that_says_less_than_another_of_its_person_joins_no_further_namesake(persons):
    assert persons["shop:full"] == {"shop:full", "web:little"}
    assert persons["pos:namesake"] == {"pos:namesake"}


def test_a_missing_first_name_does_not_part_those_who_agree_on_theirs(persons):
    assert persons["crm:named"] == {"crm:named", "pos:unnamed", "shop:named"}
