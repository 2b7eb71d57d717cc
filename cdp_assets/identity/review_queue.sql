-- The pairs whose decision is least sure and matters most. `doubt` is how far, in match weight, a decision was from
-- falling the other way; 4p(1-p) of its odds is 1 at the boundary, and falls to 0 on both sides of it.
CREATE OR REPLACE TABLE lake.identity.review_queue AS
WITH compared AS (
    SELECT links.*, l.person_id AS left_person_id, r.person_id AS right_person_id
    FROM lake.identity.links
    JOIN lake.identity.record_persons AS l ON links.left_key = l.record_key
    JOIN lake.identity.record_persons AS r ON links.right_key = r.record_key
    -- nobody can tell from an address alone who subscribed with it: such records are not asked about
    WHERE links.splink_weight IS NOT NULL OR links.rule LIKE '%+name' OR links.rule LIKE 'strong:%'
),

decided AS (
    SELECT least(left_key, right_key) AS left_key, greatest(left_key, right_key) AS right_key, decision
    FROM lake.identity.overrides_in_force
),

decided_apart AS (
    SELECT DISTINCT least(l.person_id, r.person_id) AS one, greatest(l.person_id, r.person_id) AS other
    FROM decided
    JOIN lake.identity.record_persons AS l ON decided.left_key = l.record_key
    JOIN lake.identity.record_persons AS r ON decided.right_key = r.record_key
    WHERE decision = 'different'
),

between AS (
    SELECT
        arg_max(struct_pack(left_key, right_key, match_weight, rule, left_person_id, right_person_id), match_weight)
            AS best,
        avg(match_weight) AS mean_weight,
        arg_max(veto, match_weight) FILTER (veto IS NOT NULL) AS veto
    FROM compared
    ANTI JOIN decided_apart ON least(left_person_id, right_person_id) = one
        AND greatest(left_person_id, right_person_id) = other
    WHERE left_person_id <> right_person_id
    GROUP BY least(left_person_id, right_person_id), greatest(left_person_id, right_person_id)
    HAVING max(match_weight) >= $review
),

apart AS (
    SELECT
        best.*,
        CASE
            WHEN veto IS NOT NULL THEN 'apart: ' || veto || ' speaks against it'
            WHEN best.match_weight >= $link THEN 'apart: linked, but not on the whole'
            ELSE 'apart: just below the threshold'
        END AS reason,
        CASE
            WHEN veto IS NOT NULL THEN best.match_weight - $veto
            WHEN best.match_weight >= $link THEN mean_weight - $cut
            ELSE best.match_weight - $link
        END AS doubt
    FROM between
),

together AS (
    SELECT
        left_key, right_key, match_weight, rule, left_person_id, right_person_id,
        'together: by this link at its weakest' AS reason,
        match_weight - $link AS doubt
    FROM compared JOIN lake.identity.strengths AS held ON left_person_id = held.person_id
    WHERE left_person_id = right_person_id AND match_weight = held.weakest_link
    QUALIFY row_number() OVER (PARTITION BY left_person_id ORDER BY left_key, right_key) = 1
),

weighed AS (
    SELECT *, 4 / ((1 + pow(2.0, -doubt)) * (1 + pow(2.0, doubt))) AS uncertainty
    FROM (FROM apart UNION ALL BY NAME FROM together)
    ANTI JOIN decided USING (left_key, right_key)
),

sizes AS (SELECT person_id, count(*) AS records FROM lake.identity.record_persons GROUP BY person_id)

SELECT
    left_key,
    right_key,
    1 / (1 + pow(2.0, -match_weight)) AS match_probability,
    reason,
    match_weight,
    rule,
    left_person_id,
    right_person_id,
    round(uncertainty, 4) AS uncertainty,
    l.records + CASE WHEN left_person_id = right_person_id THEN 0 ELSE r.records END AS records_affected,
    round(uncertainty * records_affected, 4) AS priority
FROM weighed
JOIN sizes AS l ON left_person_id = l.person_id
JOIN sizes AS r ON right_person_id = r.person_id
WHERE uncertainty >= $least
ORDER BY priority DESC, left_key, right_key
LIMIT $most
