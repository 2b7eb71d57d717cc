"""Where people are in the lake: tables by their columns, and former ids of a person."""

from cdp_assets.privacy.personal_keys import all_ids, personal_tables, unaccounted
from cdp_resources.lake import Lake


def test_a_table_is_found_by_its_columns_and_one_without_must_be_accounted_for(lake: Lake) -> None:
    with lake.transaction() as con:
        con.execute("""
            CREATE TABLE lake.predictions.scores (person_id VARCHAR, value DOUBLE);
            CREATE TABLE lake.identity.person_changes (person_id VARCHAR, other_person_id VARCHAR, record_key VARCHAR);
            CREATE TABLE lake.segments.evaluations (segment VARCHAR, members BIGINT);
            CREATE TABLE lake.raw.crm__people (person_id VARCHAR, name VARCHAR);
            CREATE TABLE lake.segments.new_table (owner_name VARCHAR);
            CREATE VIEW lake.segments.latest AS FROM lake.predictions.scores""")
        assert personal_tables(con) == {
            "identity.person_changes": ["other_person_id", "person_id", "record_key"],
            "predictions.scores": ["person_id"],
            "raw.crm__people": [],
            "segments.evaluations": [],
            "segments.new_table": [],
        }
        assert unaccounted(con) == ["segments.new_table"]


def test_a_person_is_everybody_who_was_merged_into_them(lake: Lake) -> None:
    with lake.transaction() as con:
        assert all_ids(con, "p1") == {"p1"}
        con.execute("""
            CREATE TABLE lake.identity.person_changes (kind VARCHAR, person_id VARCHAR, other_person_id VARCHAR);
            INSERT INTO lake.identity.person_changes VALUES ('minted', 'p1', NULL), ('merged', 'p2', 'p3'),
                ('merged', 'p1', 'p2'), ('merged', 'p3', 'p4'), ('split', 'p1', 'p9'), ('moved', 'p1', 'p8'),
                ('merged', 'p4', 'p3')""")
        assert all_ids(con, "p1") == {"p1", "p2", "p3", "p4"}
        assert all_ids(con, "p9") == {"p9"}
