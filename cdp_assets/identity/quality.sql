-- unlabelled: measures that need no truth, as (measure, slice, value)
CREATE OR REPLACE TEMP TABLE measured AS
WITH sizes AS (
    SELECT person_id, count(*) AS n FROM lake.identity.record_persons GROUP BY person_id
),

described AS (
    SELECT
        sizes.n,
        unnest([
            'all', CASE WHEN evidence.named THEN 'named' END, 'source=' || customers.source, 'country=' || customers.country
        ]) AS slice
    FROM lake.identity.record_persons
    JOIN sizes USING (person_id)
    JOIN lake.standardized.customers AS customers USING (record_key)
    JOIN lake.identity.evidence AS evidence USING (record_key)
),

ranges AS (
    SELECT
        CASE WHEN n <= 5 THEN n::VARCHAR WHEN n <= 10 THEN '6-10' WHEN n <= 20 THEN '11-20' ELSE '21 or more' END AS slice,
        n
    FROM sizes
),

inside AS (
    SELECT links.match_weight, links.veto, l.person_id
    FROM lake.identity.links
    JOIN lake.identity.record_persons AS l ON links.left_key = l.record_key
    JOIN lake.identity.record_persons AS r ON links.right_key = r.record_key AND l.person_id = r.person_id
),

apart AS (
    SELECT DISTINCT least(l.person_id, r.person_id) AS one, greatest(l.person_id, r.person_id) AS other
    FROM lake.identity.links
    JOIN lake.identity.record_persons AS l ON links.left_key = l.record_key
    JOIN lake.identity.record_persons AS r ON links.right_key = r.record_key AND l.person_id <> r.person_id
    WHERE match_weight >= $review AND veto IS NULL
        AND (splink_weight IS NOT NULL OR rule LIKE '%+name' OR rule LIKE 'strong:%')
)

SELECT 'people' AS measure, 'all' AS slice, count(*)::DOUBLE AS value FROM sizes
UNION ALL SELECT 'records', slice, count(*) FROM described WHERE slice IS NOT NULL GROUP BY slice
UNION ALL SELECT 'unlinked_share', slice, avg((n = 1)::INT) FROM described WHERE slice IS NOT NULL GROUP BY slice
UNION ALL SELECT 'people_by_records', slice, count(*) FROM ranges GROUP BY slice
UNION ALL SELECT 'largest_person', 'all', coalesce(max(n), 0) FROM sizes
UNION ALL SELECT 'bridges', 'all', coalesce(sum(bridges), 0) FROM lake.identity.strengths
UNION ALL SELECT 'over_merge_suspects', 'all', count(*) FROM (
    SELECT person_id FROM lake.identity.strengths WHERE bridges > 0
    UNION SELECT person_id FROM inside WHERE veto IS NOT NULL)
UNION ALL SELECT 'under_merge_suspects', 'all', count(*) FROM apart
UNION ALL FROM (
    SELECT
        'match_weight', 'quantile=' || unnest(['0.01', '0.05', '0.25', '0.5', '0.75', '0.95', '0.99']),
        unnest(quantile_cont(match_weight, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])) AS value
    FROM inside)
WHERE value IS NOT NULL
-- end

-- truth: for each slice, how many people have the same sums over their records; as `SUMS` of intervals.py
WITH records AS (
    SELECT
        t.person_id AS truth,
        p.person_id AS predicted,
        unnest(list_concat(
            ['all', 'source=' || split_part(t.record_key, ':', 1), 'country=' || coalesce(c.country, t.country)],
            ['origin=' || t.origin])) AS slice,
        count(*) OVER (PARTITION BY t.person_id, p.person_id) AS c,
        count(*) OVER (PARTITION BY t.person_id) AS t,
        count(*) OVER (PARTITION BY p.person_id) AS p
    FROM truth AS t
    JOIN lake.identity.record_persons AS p USING (record_key)
    LEFT JOIN lake.standardized.customers AS c USING (record_key)
),

sums AS (
    SELECT
        slice, truth, sum(c - 1) AS both, sum(p - 1) AS joined, sum(t - 1) AS "true", sum(c / p) AS b_cubed_precision,
        sum(c / t) AS b_cubed_recall, count(*) AS records
    FROM records WHERE slice IS NOT NULL GROUP BY slice, truth
)

SELECT * EXCLUDE (truth), count(*) AS people FROM sums GROUP BY ALL ORDER BY ALL
-- end

-- decisions: what the evidence alone says of pairs that a human decided; as `SUMS` without B-cubed
WITH judged AS (
    SELECT
        (decision = 'same')::INT AS "true",
        coalesce(links.match_weight >= $link AND links.veto IS NULL, false)::INT AS joined
    FROM lake.identity.overrides_in_force LEFT JOIN lake.identity.links USING (left_key, right_key)
)

SELECT 'decisions' AS slice, "true" * joined AS both, joined, "true", 0 AS b_cubed_precision, 0 AS b_cubed_recall,
    0 AS records, count(*) AS people
FROM judged GROUP BY ALL ORDER BY ALL
-- end

-- mistakes: people of several true persons, and true persons that are several people, worst first. Keys are masked:
-- a source, and the beginning of the key's MD5.
WITH records AS (
    SELECT
        t.person_id AS truth, p.person_id AS predicted,
        split_part(record_key, ':', 1) || ':#' || left(md5(record_key), 6) AS masked
    FROM truth AS t JOIN lake.identity.record_persons AS p USING (record_key)
)

SELECT 'over-merged' AS mistake, count(DISTINCT truth) AS parts, list_sort(list(masked)) AS keys,
    count(*) OVER () AS people
FROM records GROUP BY predicted HAVING count(DISTINCT truth) > 1
UNION ALL
SELECT 'under-merged', count(DISTINCT predicted), list_sort(list(masked)), count(*) OVER ()
FROM records GROUP BY truth HAVING count(DISTINCT predicted) > 1
ORDER BY mistake, parts DESC, keys
-- end
