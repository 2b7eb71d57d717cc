"""What a source system knows of a person on a day: the truth of that day through the system's ignorance and
dirt.

Every system's customer records are rendered by this one query, so a person's records differ as records do:
each system has its own age of knowledge and its own mistakes, and one record keeps its mistakes until it is
corrected.
"""

from .dirt import PLACEHOLDER_DATES, PLACEHOLDER_EMAILS, PLACEHOLDER_PHONES, surface
from .rates import DIRT

# what `known` needs of each record; a record without a past (a guest order, a ticket) has these defaults
NO_PAST = """NULL::INTEGER AS move_seen, NULL::INTEGER AS rename_seen, NULL::INTEGER AS email_seen,
    NULL::INTEGER AS fix_day,
    false AS stale"""


def known(records: str, system: str) -> str:
    """A subquery: the records with name, e-mail, phones, birth date and address as `system` holds them on
    `day`.

    `records` is a relation with rec (the key of its dirt), person, day, start_day, second_email and the
    columns of `NO_PAST`. Adds first_name, last_name, email, mobile, landline, birth_date, street, city,
    region, postal_code, home (country code), gender and timezone; phones as `area-local`, placeholders as the
    text itself.
    """
    d = DIRT[system]
    return f"""(
    WITH fact AS (
        SELECT r.*, p.country AS home, p.gender, p.first_name AS f0, p.nickname, p.birth_date AS b0,
            p.timezone AS home_zone,
            CASE WHEN p.rename_day <= r.start_day OR r.rename_seen <= r.day THEN p.new_last_name
                WHEN r.stale THEN coalesce(p.old_last_name, p.last_name) ELSE p.last_name END AS l0,
            CASE WHEN r.second_email AND p.email_2 IS NOT NULL THEN p.email_2
                WHEN p.email_day <= r.start_day OR r.email_seen <= r.day THEN p.email_new
                ELSE p.email END AS e0,
            p.mobile AS m0, p.landline, a.street AS s0, a.city AS c0, a.region, a.postal_code, a.timezone,
            r.fix_day IS NULL OR r.day < r.fix_day AS raw
        FROM {records} r JOIN people p USING (person)
        JOIN addresses a ON a.address = CASE WHEN p.move_day <= r.start_day OR r.move_seen <= r.day
            THEN p.address_new WHEN r.stale THEN p.address_old ELSE p.address END
    ), written AS (
        SELECT *,
            CASE WHEN nickname IS NOT NULL AND u(rec, 'nickname') < {d.nickname} THEN nickname
                WHEN raw AND u(rec, 'initial') < {d.initial} THEN f0[1] || '.'
                WHEN raw AND u(rec, 'first typo') < {d.typo} THEN typo(f0, h(rec, 'first typo at'))
                ELSE f0 END AS f1,
            CASE WHEN raw AND u(rec, 'last typo') < {d.typo} THEN typo(l0, h(rec, 'last typo at'))
                ELSE l0 END AS l1,
            CASE WHEN u(rec, 'street') < {d.street_short} THEN street_short(s0)
                WHEN raw AND u(rec, 'street typo') < {d.street_typo} THEN typo(s0, h(rec, 'street typo at'))
                ELSE s0 END AS s1,
            CASE WHEN u(rec, 'e-mail') < {d.no_email} THEN NULL
                WHEN u(rec, 'fake e-mail') < {d.placeholder} THEN pick({PLACEHOLDER_EMAILS},
                u(rec, 'which e-mail'))
                WHEN raw AND u(rec, 'e-mail typo') < {d.email_typo} THEN email_typo(e0,
                h(rec, 'e-mail typo at'))
                WHEN u(rec, 'e-mail case') < .02 THEN upper(e0) WHEN u(rec, 'e-mail case') < .06
                THEN upper(e0[1]) || e0[2:]
                WHEN u(rec, 'e-mail case') < .07 AND e0 LIKE '%@gmail.com' THEN replace(e0, '@', '+shop@')
                ELSE e0 END AS email,
            CASE WHEN u(rec, 'mobile') < {d.no_mobile} THEN NULL
                WHEN u(rec, 'fake phone') < {d.placeholder} THEN pick({PLACEHOLDER_PHONES},
                u(rec, 'which phone'))
                ELSE phone_as(home, m0, {_PHONE_STYLE.get(system, "u(rec, 'phone style')")}) END AS mobile,
            CASE WHEN u(rec, 'birth date') < {d.no_birth_date} THEN NULL
                WHEN u(rec, 'fake date') < {d.placeholder} THEN pick({PLACEHOLDER_DATES},
                u(rec, 'which date'))
                WHEN raw AND u(rec, 'date slip') < .01 THEN b0 + CASE WHEN u(rec, 'slip') < .5 THEN 1
                ELSE -10 END
                ELSE b0 END AS birth_date,
            u(rec, 'address') < {d.no_address} AS homeless,
            raw AND u(rec, 'swapped') < {d.swapped} AS swapped
        FROM fact
    )
    SELECT * EXCLUDE (f0, l0, e0, m0, s0, c0, b0, f1, l1, s1, homeless, swapped, nickname, raw, region,
        postal_code),
        {surface("(CASE WHEN swapped THEN l1 ELSE f1 END)", "rec", "surface first", d)} AS first_name,
        {surface("(CASE WHEN swapped THEN f1 ELSE l1 END)", "rec", "surface last", d)} AS last_name,
        CASE WHEN NOT homeless THEN {surface("s1", "rec", "surface street", d)} END AS street,
        CASE WHEN NOT homeless THEN {surface("c0", "rec", "surface city", d)} END AS city,
        CASE WHEN NOT homeless THEN region END AS region,
        CASE WHEN NOT homeless THEN CASE WHEN home = 'GB' AND u(rec, 'postcode') < .1
            THEN replace(postal_code, ' ', '')
            WHEN home = 'GB' AND u(rec, 'postcode') < .15 THEN lower(postal_code)
            ELSE postal_code END END AS postal_code
    FROM written)"""


# the till writes national formats only
_PHONE_STYLE = {"pos": "(CASE WHEN u(rec, 'phone style') < .6 THEN .4 ELSE .9 END)"}
