-- The records Splink compares, as scratch table `records`. `id` follows record_key's order, so that a pair has its keys
-- the same way round in every run. A first name is established when it is in a list of names, or on so many records that
-- it is no misspelling: table `established_names` (value_hash). In place of `-- numbers` comes a column for each
-- identifier type that the model compares.
CREATE OR REPLACE TABLE records AS
SELECT
    row_number() OVER (ORDER BY record_key) AS id,
    evidence.*,
    replace(first_name, ' ', '') AS swap_first,
    last_name AS swap_last,
    coalesce(known_name, false) OR established_names.value_hash IS NOT NULL AS established
    -- numbers
FROM lake.identity.evidence
LEFT JOIN established_names ON md5(given) = value_hash
