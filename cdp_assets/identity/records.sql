-- Evidence with what comparing it takes more, as views of a scratch connection. `comparable`: exchanged names, and in place of
-- `-- numbers` a column for each identifier type that the model compares. `numbered`, of rows (record_key, id): the records that
-- Splink compares. A first name is established when it is in a list of names, or on so many records that it is no
-- misspelling: `established_names` (value_hash).
CREATE OR REPLACE TABLE record_ids (record_key VARCHAR, id BIGINT);

CREATE OR REPLACE TEMP VIEW comparable AS
SELECT
    evidence.rowid AS row_number,
    evidence.* EXCLUDE (input_hash),
    replace(first_name, ' ', '') AS swap_first,
    last_name AS swap_last
    -- numbers
FROM lake.identity.evidence;

CREATE OR REPLACE TEMP MACRO numbered(wanted) AS TABLE
SELECT
    wanted.id,
    comparable.* EXCLUDE (row_number),
    coalesce(known_name, false) OR established_names.value_hash IS NOT NULL AS established
FROM comparable
JOIN query_table(wanted) AS wanted USING (record_key)
LEFT JOIN established_names ON md5(given) = value_hash;

CREATE OR REPLACE TABLE records AS FROM numbered('record_ids') LIMIT 0;
