"""A scratch lake is the lake at one moment, and nothing that happens to it happens to the lake."""

from cdp_resources.lake import Lake
from cdp_resources.scratch_lake import ScratchLake


def test_what_is_written_to_a_scratch_lake_is_forgotten_and_what_comes_later_is_not_seen(lake: Lake) -> None:
    with lake.transaction() as con:
        con.execute("CREATE TABLE lake.identity.links AS SELECT 1 AS n; CREATE TABLE lake.raw.things AS SELECT 2 AS n")
    both = "SELECT (SELECT sum(n) FROM lake.identity.links), (SELECT sum(n) FROM lake.raw.things)"
    with ScratchLake.over(lake) as scratch:
        with lake.transaction() as con:
            con.execute("INSERT INTO lake.identity.links VALUES (10); INSERT INTO lake.raw.things VALUES (20)")
        with scratch.transaction("a note") as con:
            con.execute("UPDATE lake.identity.links SET n = n + 100; CREATE TABLE lake.identity.more AS SELECT 1")
        with scratch.reading() as con:
            assert con.execute(both).fetchall() == [(101, 2)]
    with lake.reading() as con:
        assert con.execute(both).fetchall() == [(11, 22)]
        assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'more'").fetchall() == [(0,)]


def test_a_scratch_lake_over_an_encrypted_one_reads_it(lake: Lake) -> None:
    encrypted = Lake(**{**lake.model_dump(), "encrypted": True})
    with encrypted.transaction() as con:
        con.execute("CREATE TABLE lake.identity.links AS SELECT 1 AS n")
    with ScratchLake.over(encrypted) as scratch, scratch.reading() as con:
        assert con.execute("FROM lake.identity.links").fetchall() == [(1,)]
