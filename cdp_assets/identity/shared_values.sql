-- Identifier values of several records that look like several people's, those that link nothing first: their type, how many
-- records and first names they are seen with, and why they were set aside; null: they link with a name beside them alone.
-- Values are the keys of `identity.evidence`. Needs the macro set_aside, and $strong, $linking, $max_records, $max_names.
WITH listed AS (
    SELECT record_key, left(given, 3) AS name, established, type, value_key
    FROM (SELECT record_key, given, known_name AS established, unnest(identifiers, recursive := true)
          FROM lake.identity.evidence)
    WHERE list_contains($linking, type)
),

accounts AS (
    SELECT device.value_key, count(DISTINCT account.value_key) AS accounts
    FROM listed AS device JOIN listed AS account USING (record_key)
    WHERE device.type = 'device' AND list_contains($strong, account.type)
    GROUP BY device.value_key
),

seen AS (
    SELECT value_key, type, count(*) AS records, count(DISTINCT name) AS names,
        count(DISTINCT name) FILTER (established) AS known_names
    FROM listed GROUP BY value_key, type HAVING count(*) > 1
),

judged AS (
    SELECT seen.*, set_aside(type, records, names, coalesce(accounts, 0), $max_records, $max_names) AS why
    FROM seen LEFT JOIN accounts USING (value_key)
)

SELECT type, value_key, records, names, why FROM judged
WHERE why IS NOT NULL OR known_names > 1 AND NOT list_contains($strong, type)
ORDER BY why IS NULL, records DESC, value_key
