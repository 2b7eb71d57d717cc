-- The records Splink compares, as scratch table `records`. `id` follows record_key's order, so that a pair has its keys
-- the same way round in every run. A first name is established when so many records have it that it is no misspelling.
CREATE OR REPLACE TABLE records AS
SELECT
    row_number() OVER (ORDER BY record_key) AS id,
    *,
    first_name AS swap_first,
    last_name AS swap_last,
    count(given) OVER (PARTITION BY given) >= greatest(5, 0.0002 * count(given) OVER ()) AS established
FROM lake.identity.evidence
