"""Makes the population `pseudopeople` of the linkage benchmark: `python pseudopeople_population.py OUT.parquet`.

The package needs older libraries than the platform, so run this in an environment of its own
(`pip install pseudopeople pyarrow`); it imports nothing of ours. Then name the file in CDP_PSEUDOPEOPLE.

Records are the census of 2020, tax forms and social-security registrations of 1,500 households of the package's sample
data, with the package's default errors. Contact data is made here, because censuses have none: most households have one
e-mail address and one phone that all of its members give now and then, and adults also have their own.
"""

import random
import sys

import pandas as pd
import pseudopeople  # type: ignore[import-not-found]

HOUSEHOLDS = 1_500
SHARED_EMAIL, SHARED_PHONE = 0.6, 0.8
"""Of households with more than one member, and of all."""
GIVES_SHARED, GIVES_OWN = 0.45, 0.35
"""Of records: with the household's contact, with one's own; the rest gives none."""


def main(target: str, seed: int = 17) -> None:
    """Write the population."""
    rng = random.Random(seed)
    census = pseudopeople.generate_decennial_census(year=2020, seed=seed)
    taxes = pseudopeople.generate_taxes_w2_and_1099(year=2020, seed=seed)
    births = pseudopeople.generate_social_security(year=2020, seed=seed)
    home = census.drop_duplicates("simulant_id").set_index("simulant_id").household_id.astype(str)
    chosen = set(rng.sample(sorted(set(home)), HOUSEHOLDS))
    home = home[home.isin(chosen)]
    age = pd.to_numeric(census.drop_duplicates("simulant_id").set_index("simulant_id").age, errors="coerce")
    size = home.value_counts()
    email = {
        h: f"family{i}@mail.example"
        for i, h in enumerate(sorted(chosen))
        if size[h] > 1 and rng.random() < SHARED_EMAIL
    }
    phone = {h: f"+1206555{i:04d}" for i, h in enumerate(sorted(chosen)) if rng.random() < SHARED_PHONE}
    own = {p: (f"person{i}@mail.example", f"+1425555{i:04d}") for i, p in enumerate(home.index) if age.get(p, 0) >= 14}
    births = births[births.event_type == "creation"]
    frames = {
        "census": (census, "", "%m/%d/%Y"),
        "tax": (taxes, "mailing_address_", ""),
        "births": (births, None, "%Y%m%d"),
    }
    rows = []
    for source, (frame, address, born) in frames.items():
        for number, row in enumerate(frame.to_dict("records")):
            person = row["simulant_id"]
            if person not in home.index:
                continue
            household = home[person]
            contact = {}
            for at, (kind, shared) in enumerate((("email", email), ("phone", phone))):
                luck = rng.random()
                if luck < GIVES_SHARED:
                    contact[kind] = shared.get(household)
                elif luck < GIVES_SHARED + GIVES_OWN and person in own:
                    contact[kind] = own[person][at]
            place = {}
            if address is not None:
                parts = [row.get(f"{address}{part}") for part in ("street_number", "street_name", "unit_number")]
                place = {
                    "street": " ".join(str(part) for part in parts if pd.notna(part)) or None,
                    "city": row.get(f"{address}city"),
                    "postal_code": row.get(f"{address}zipcode"),
                }
            middle = row.get("middle_initial", row.get("middle_name"))
            names = [str(name) for name in (row["first_name"], middle) if pd.notna(name)]
            rows.append(
                {
                    "record_key": f"{source}:{number}",
                    "person_id": person,
                    "household_id": household,
                    "first_name": " ".join(names) or None,
                    "last_name": row["last_name"],
                    "date_of_birth": pd.to_datetime(row.get("date_of_birth"), format=born, errors="coerce")
                    if born
                    else None,
                    "gender": row.get("sex"),
                    **{kind: contact.get(kind) for kind in ("email", "phone")},
                    **{part: place.get(part) for part in ("street", "city", "postal_code")},
                }
            )
    found = pd.DataFrame(rows)
    found["date_of_birth"] = pd.to_datetime(found.date_of_birth).dt.date
    found.astype(object).where(found.notna(), None).to_parquet(target)
    print(f"{len(found):,} records of {found.person_id.nunique():,} people in {target}")


if __name__ == "__main__":
    main(sys.argv[1])
