-- The records Splink compares, under the fixed name of the scratch table `records`. `id` follows record_key's order,
-- so that a pair has its keys the same way round in every run. Frequencies are the model's, frozen; a value the model
-- never saw twice is as rare as can be.
CREATE OR REPLACE TABLE records AS
SELECT
    row_number() OVER (ORDER BY record_key) AS id,
    evidence.* EXCLUDE (given_forms),
    given_forms,
    first_name AS swap_first,
    last_name AS swap_last
FROM lake.identity.evidence AS evidence
