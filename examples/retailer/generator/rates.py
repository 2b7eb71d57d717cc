"""Every rate of the fictional retailer in one place: who exists, what they do, and how dirty their records
are.

Rates are shares of the thing named unless a comment says otherwise. The generator's tests measure the output
against them.
"""

from dataclasses import dataclass

COUNTRIES = {"GB": 0.35, "DE": 0.40, "US": 0.25}
ORIGINS = {
    "GB": {"english": 0.76, "indian": 0.07, "arabic": 0.05, "polish": 0.04, "nigerian": 0.03, "chinese": 0.02}
    | {"turkish": 0.01, "italian": 0.01, "hispanic": 0.01},
    "DE": {"german": 0.76, "turkish": 0.07, "polish": 0.05, "russian": 0.04, "arabic": 0.03, "italian": 0.02}
    | {"english": 0.01, "indian": 0.01, "chinese": 0.01},
    "US": {
        "english": 0.62,
        "hispanic": 0.19,
        "chinese": 0.05,
        "indian": 0.03,
        "nigerian": 0.02,
        "german": 0.03,
    }
    | {"italian": 0.03, "polish": 0.01, "arabic": 0.02},
}

# Households. Shares of people by the size of the household they live in: 45 % live with another customer.
PEOPLE_BY_HOUSEHOLD_SIZE = {1: 0.55, 2: 0.20, 3: 0.10, 4: 0.10, 5: 0.05}
FLATSHARE = 0.15  # of households of two and more: no common surname
SINGLE_PARENT = 0.13
PARTNER_SHARES_SURNAME = 0.80
CHILD_SHARES_SURNAME = 0.93
SON_NAMED_AFTER_FATHER = 0.03  # of sons living with their father
TWIN_OF_SIBLING = 0.04  # of younger siblings
SHARED_FAMILY_EMAIL = 0.08  # of households of two and more
SHARED_DEVICE = 0.10  # of households of two and more
LANDLINE = 0.60  # of households
RECYCLED_MOBILE = 0.003  # of people: their number was another customer's before

# Life. Hazards a day; one event of each kind a person at most.
MOVE_PER_DAY = 0.10 / 365
WHOLE_HOUSEHOLD_MOVES = 0.75  # of first moves in a household
RENAME_PER_DAY = 0.03 / 365  # of women under 50
NEW_EMAIL_PER_DAY = 0.06 / 365
MOVED_BEFORE = 0.25  # of people have an address that old records may still show
MAIDEN_NAME = 0.12  # of partnered women have a former surname that old records may still show
SECOND_EMAIL = 0.25  # of people use two addresses
STALE_RECORD = 0.30  # of the backlog's records of such people still show the former address and surname
RECORD_LEARNS = 0.65  # chance that one system hears of one life event
EXISTING_CUSTOMERS = 0.65  # the rest join later: about 0.4 % of all people a day at first, slowly fewer
JOIN_MEAN_DAYS = 90.0
CHURN_PER_DAY = 0.0025
CHURNED_ACTIVITY = 0.05  # what remains of the activity

# Which systems know a person.
IN_CRM, IN_SHOP, IN_POS, SUBSCRIBED = 0.50, 0.55, 0.42, 0.50
CRM_DUPLICATE, SHOP_DUPLICATE, POS_DUPLICATE = 0.04, 0.03, 0.015
ENROLLED_LATER = 0.10  # of existing customers get a record in one more system during the window
TEST_RECORDS = 0.001  # of people: records of testers and placeholders, absent from the truth

# Behaviour.
SESSIONS_PER_DAY = 0.104  # mean of a gamma distribution over people
SESSION_SHAPE = 0.45  # of that gamma: small is skewed
STORE_VISITS_PER_DAY = 0.015
CARD_SHOWN = 0.85  # of visits of card holders
STAFF_CARD = 0.02  # of other visits: the till operator's card
SESSION_BUYS = 0.085
SESSION_CARTS = 0.22
TRACKING_BLOCKED = 0.12  # of people
COOKIE_RESET = 0.30  # of devices get a new anonymous id about every 30 days
GIFT = 0.06  # of orders ship to somebody else
CANCELLED, RETURNED, PARTIALLY_RETURNED = 0.04, 0.08, 0.04
TICKET_AFTER_RETURN = 0.25
TICKETS_PER_DAY = 0.0006
RETURN_VISIT = 0.04  # of store visits bring goods back

# Web transport.
LATE_EVENT = 0.01  # lands in the file of one of the next three days
DUPLICATE_EVENT = 0.005  # same messageId again, the same or the next day
WRONG_CLOCK = 0.02  # of devices are wrong by one to twelve hours
MALFORMED_LINE, NULL_ANONYMOUS_ID, INVALID_TIMESTAMP, FUTURE_EVENT = 0.0002, 0.0002, 0.0001, 0.0001
BOT_TRAFFIC = 0.01  # of a day's events, spread over three crawlers, at least 40 events each


@dataclass(frozen=True)
class Dirt:
    """How one source system distorts what it knows of a person. Shares of records, or of the named field."""

    typo: float  # of each name field
    nickname: float = 0.0  # of records of people whose first name has one
    initial: float = 0.0
    swapped: float = 0.0
    upper: float = 0.0
    lower: float = 0.0
    spaces: float = 0.0
    ascii: float = 0.0  # ü as ue, ß as ss, é as e
    decomposed: float = 0.0  # Unicode NFD
    mojibake: float = 0.0  # UTF-8 read as Latin-1
    street_typo: float = 0.02
    street_short: float = 0.20  # Rd, Str., Ave
    email_typo: float = 0.005
    no_email: float = 0.0
    no_mobile: float = 0.0
    no_birth_date: float = 0.0
    no_address: float = 0.0
    placeholder: float = 0.003  # of each of e-mail, phone and birth date


DIRT = {
    "crm": Dirt(
        typo=0.035,
        nickname=0.10,
        initial=0.015,
        swapped=0.012,
        upper=0.02,
        lower=0.02,
        spaces=0.02,
        ascii=0.08,
        decomposed=0.03,
        mojibake=0.02,
        email_typo=0.012,
        no_email=0.18,
        no_mobile=0.30,
        no_birth_date=0.35,
        no_address=0.10,
        placeholder=0.005,
    ),
    "shop": Dirt(
        typo=0.012,
        nickname=0.14,
        swapped=0.006,
        upper=0.01,
        lower=0.05,
        spaces=0.01,
        ascii=0.06,
        decomposed=0.01,
        no_mobile=0.40,
        no_birth_date=0.50,
        no_address=0.15,
    ),
    "guest": Dirt(typo=0.018, nickname=0.12, initial=0.02, swapped=0.004, lower=0.06, ascii=0.08, no_mobile=0.30),
    "pos": Dirt(
        typo=0.045,
        nickname=0.05,
        initial=0.03,
        swapped=0.015,
        upper=0.06,
        ascii=0.10,
        email_typo=0.02,
        no_email=0.35,
        no_mobile=0.25,
        no_birth_date=0.15,
        no_address=0.06,
        placeholder=0.006,
    ),
    "support": Dirt(typo=0.015, nickname=0.20, initial=0.03, lower=0.08, ascii=0.10, no_mobile=0.65),
}
NO_LANDLINE = 0.25  # of CRM contacts whose household has one
INVALID_DATE = 0.003  # of CRM and POS birth dates: 31.02.2026, 00.00.0000
INVALID_UTF8 = 1 / 5000  # of CRM contacts; one in the backlog whatever its size
