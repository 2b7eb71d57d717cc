-- homes: the present address of each person, where 2 to $most people live; nameless people have none
CREATE OR REPLACE TEMP TABLE homes AS
WITH addresses AS (
    SELECT person_id, max_by(
        md5(concat_ws('|', evidence.street, coalesce(evidence.postal_code, evidence.city))),
        row(coalesce(updated_at, created_at), record_key)) AS home
    FROM lake.identity.evidence
    JOIN lake.identity.record_persons USING (record_key)
    JOIN lake.standardized.customers AS customers USING (record_key)
    WHERE evidence.named AND evidence.street IS NOT NULL AND coalesce(evidence.postal_code, evidence.city) IS NOT NULL
    GROUP BY person_id
),

shared AS (
    FROM addresses QUALIFY count(*) OVER (PARTITION BY home) BETWEEN 2 AND $most
)

SELECT row_number() OVER (ORDER BY person_id) - 1 AS id, person_id, home FROM shared
-- end

-- ties: what people of one address have in common beside it
CREATE OR REPLACE TEMP TABLE ties AS
WITH traces AS (
    SELECT person_id, 'last name' AS kind, last_name AS value
    FROM lake.identity.evidence JOIN lake.identity.record_persons USING (record_key)
    WHERE last_name IS NOT NULL
    UNION
    SELECT person_id, unnest(identifiers).type, unnest(identifiers).value_key
    FROM lake.identity.evidence JOIN lake.identity.record_persons USING (record_key)
),

found AS (
    SELECT id, home, kind, value FROM homes JOIN traces USING (person_id)
    WHERE kind = 'last name' OR list_contains($shared, kind)
)

SELECT l.id AS l, r.id AS r, list_sort(list(DISTINCT kind)) AS kinds
FROM found AS l JOIN found AS r USING (home, kind, value)
WHERE l.id < r.id
GROUP BY l.id, r.id
-- end

-- unsettled: people of households that were not there before as they are now, or are not there any more
CREATE OR REPLACE TEMP TABLE unsettled AS
WITH present AS (
    SELECT cluster, list_sort(list(person_id)) AS members FROM clustered GROUP BY cluster
),

former AS (
    SELECT household_id, list_sort(list(person_id)) AS members FROM lake.identity.households GROUP BY household_id
),

concerned AS (
    SELECT unnest(members) AS person_id FROM present ANTI JOIN former USING (members)
    UNION
    SELECT unnest(members) FROM former ANTI JOIN present USING (members)
)

SELECT person_id, cluster, household_id, minted_at::VARCHAR AS since
FROM concerned
LEFT JOIN clustered USING (person_id)
LEFT JOIN lake.identity.households USING (person_id)
LEFT JOIN lake.identity.household_ids USING (household_id)
ORDER BY person_id
-- end

-- fresh: every person of a household, with what ties them to it
CREATE OR REPLACE TEMP TABLE fresh_households AS
WITH basis AS (
    SELECT id, 'address, ' || array_to_string(list_sort(list(DISTINCT kind)), ', ') AS basis
    FROM (SELECT l AS id, unnest(kinds) AS kind FROM ties UNION ALL SELECT r, unnest(kinds) FROM ties)
    GROUP BY id
),

belonging AS (
    SELECT person_id, coalesce(decided.household_id, households.household_id) AS household_id, households.household_id
        AS former, households.since
    FROM clustered
    LEFT JOIN decided USING (person_id)
    LEFT JOIN lake.identity.households USING (person_id)
)

SELECT person_id, household_id, CASE WHEN household_id = former THEN since ELSE now() END AS since, basis
FROM belonging JOIN homes USING (person_id) JOIN basis USING (id)
-- end
