-- Pairs that rules assert, with the rule that did: scratch tables `asserted` (id_l < id_r), `identifier_values`, and
-- `common_values` (value_key) of several first names.
-- Needs the tables `records` (records.sql), `records_in_scope` (id) and `identifier_types` (identifier_type, strong,
-- linking, exclusive), and the macros.

-- `touched`: on a record in scope. Every record that has such a value is among `records`, to judge it by.
CREATE OR REPLACE TABLE identifier_values AS
WITH listed AS (
    SELECT id, unnest(identifiers, recursive := true) FROM records
),

touched AS (
    SELECT DISTINCT value_key FROM listed SEMI JOIN records_in_scope USING (id)
)

SELECT
    listed.id,
    identifier_types.identifier_type,
    identifier_types.strong,
    identifier_types.linking,
    identifier_types.exclusive,
    listed.value_key,
    touched.value_key IS NOT NULL AS touched
FROM listed
JOIN identifier_types ON listed.type = identifier_types.identifier_type
LEFT JOIN touched USING (value_key);

-- A value is usable while it looks like one person's.
CREATE OR REPLACE TABLE usable_values AS
WITH accounts AS (
    SELECT device.value_key, count(DISTINCT account.value_key) AS accounts
    FROM identifier_values AS device
    JOIN identifier_values AS account ON device.id = account.id AND account.strong
    WHERE device.identifier_type = 'device'
    GROUP BY device.value_key
)
SELECT
    value_key,
    any_value(identifier_type) AS identifier_type,
    any_value(strong) AS strong,
    count(DISTINCT left(records.given, 3)) AS n_names
FROM identifier_values
JOIN records USING (id)
LEFT JOIN accounts USING (value_key)
WHERE linking AND touched
GROUP BY value_key
HAVING count(*) > 1 AND set_aside(
    any_value(identifier_type), count(*), count(DISTINCT left(records.given, 3)), coalesce(any_value(accounts.accounts), 0),
    $max_records, $max_names) IS NULL;

-- What several established first names are seen with is their household's: that two records have it does not make them
-- one person.
CREATE OR REPLACE TABLE common_values AS
SELECT value_key FROM identifier_values JOIN records USING (id) WHERE touched
GROUP BY value_key HAVING count(DISTINCT left(records.given, 3)) FILTER (records.established) > 1;

-- Records with equal evidence are linked to the first of them, and those firsts with each other: all pairs of a few,
-- and of many each with the first of its first name, and with the first of all.
CREATE OR REPLACE TABLE sharing_pairs AS
WITH members AS (
    SELECT
        value_key, usable_values.identifier_type, usable_values.strong, n_names, identifier_values.id,
        min(identifier_values.id) OVER (PARTITION BY value_key, records.evidence_hash) AS first_alike
    FROM identifier_values
    JOIN usable_values USING (value_key)
    JOIN records ON identifier_values.id = records.id
),

firsts AS (
    SELECT
        members.*,
        count(*) OVER (PARTITION BY value_key) AS n_firsts,
        min(members.id) OVER (PARTITION BY value_key, records.given) AS first_of_name,
        min(members.id) OVER (PARTITION BY value_key) AS first_id
    FROM members JOIN records USING (id)
    WHERE members.id = first_alike
)

SELECT identifier_type, strong, n_names, first_alike AS id_l, id AS id_r FROM members WHERE first_alike < id
UNION
SELECT l.identifier_type, l.strong, l.n_names, l.id, r.id
FROM firsts AS l JOIN firsts AS r ON l.value_key = r.value_key AND l.id < r.id
WHERE l.n_firsts <= 25
UNION
SELECT identifier_type, strong, n_names, first_of_name, id FROM firsts WHERE n_firsts > 25 AND first_of_name < id
UNION
SELECT identifier_type, strong, n_names, first_id, id FROM firsts WHERE n_firsts > 25 AND first_id < id;

CREATE OR REPLACE TABLE asserted AS
WITH judged AS (
    SELECT
        pairs.*,
        l.named AND r.named AS both_named,
        l.named AND NOT (r.named OR r.scorable) OR r.named AND NOT (l.named OR l.scorable) AS one_anchored,
        coalesce(l.first_name IS NOT NULL AND r.first_name IS NOT NULL, false) AS both_first_names,
        first_names_compatible(l, r) AS same_first_name,
        coalesce(
            l.last_name = r.last_name OR jaro_winkler_similarity(l.last_name, r.last_name) >= 0.85
            OR l.swap_last = r.swap_first, true
        ) AS last_names_compatible,
        coalesce(NOT within_edits(l.date_of_birth, r.date_of_birth, 1), false) AS born_apart
    FROM sharing_pairs AS pairs
    SEMI JOIN records_in_scope AS left_in_scope ON pairs.id_l = left_in_scope.id
    SEMI JOIN records_in_scope AS right_in_scope ON pairs.id_r = right_in_scope.id
    JOIN records AS l ON pairs.id_l = l.id
    JOIN records AS r ON pairs.id_r = r.id
),

ruled AS (
    SELECT
        id_l, id_r,
        CASE
            WHEN strong AND NOT (both_first_names AND NOT same_first_name AND born_apart)
                THEN 'strong:' || identifier_type
            WHEN strong OR born_apart THEN NULL
            WHEN both_first_names AND same_first_name
                AND (identifier_type = 'email' OR last_names_compatible) THEN identifier_type || '+name'
            WHEN NOT both_first_names AND both_named AND n_names <= 1
                AND last_names_compatible THEN identifier_type || '+name'
            -- of several people, resolution attaches the nameless record to none
            WHEN NOT both_named AND (n_names <= 1 OR one_anchored) THEN identifier_type
        END AS rule
    FROM judged
)

SELECT id_l, id_r, arg_min(rule, rank) AS rule, arg_min(weight, rank) AS weight
FROM (
    SELECT
        *,
        CASE WHEN rule LIKE 'strong:%' THEN 0 WHEN rule LIKE '%+name' THEN 1 ELSE 2 END
        + CASE WHEN rule LIKE 'email%' THEN 0.1 WHEN rule LIKE 'phone%' THEN 0.2 ELSE 0.3 END AS rank,
        CASE WHEN rule LIKE 'strong:%' THEN $strong_weight WHEN rule LIKE '%+name' THEN $name_weight
             ELSE $nameless_weight END AS weight
    FROM ruled
    WHERE rule IS NOT NULL
)
GROUP BY id_l, id_r;
