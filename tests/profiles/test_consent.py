"""Two ways to ask what somebody agreed to: the latest statement itself, and only whether it grants."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.profiles.consent import consent_states, is_granted
from tests.profiles.conftest import add_person, lake_in_memory

TOPICS = [("marketing", "email"), ("marketing", "sms")]
STATEMENT = st.tuples(
    st.sampled_from(["a", "b"]), st.integers(1, 3), st.sampled_from(TOPICS), st.sampled_from(["granted", "withdrawn"])
)


@settings(max_examples=30, deadline=None)
@given(said=st.lists(STATEMENT, max_size=8))
def test_whether_a_consent_is_granted_is_what_its_latest_statement_says(said: list[Any]) -> None:
    with lake_in_memory() as con:
        for person in ("a", "b"):
            add_person(con, person)
        for i, (person, day, (purpose, channel), status) in enumerate(said):
            con.execute(
                """INSERT INTO lake.standardized.consents
                VALUES (?, ?, ?, ?, ?, 'consent', make_date(2026, 3, ?), 'crm')""",
                [f"c{i}", f"crm:{person}", purpose, channel, status, day],
            )
        for topic in TOPICS:
            states = con.execute(
                f"SELECT person_id, granted, consent_id FROM ({consent_states(topic=topic)})"
            ).fetchall()
            latest = [(person, grants) for person, grants, _ in states]
            granted = con.execute(f"""
                SELECT person_id, {is_granted(topic)} AS granted
                FROM lake.standardized.consents JOIN lake.identity.record_persons USING (record_key)
                GROUP BY person_id HAVING granted IS NOT NULL""").fetchall()
            assert sorted(granted) == sorted(latest)
            for person, grants, cited in states:
                about = [one for one in said if (one[0], one[2]) == (person, topic)]
                last = max((day, status == "withdrawn") for _, day, _, status in about)
                _, day, _, status = said[int(cited[1:])]
                assert (day, status == "withdrawn") == last == (day, not grants)
