-- changed: records that are not what they were when they were linked
-- by hashes of 64 bits: to be missed, a change would have to meet one of the records' in 10^19. Only of those that are
-- others more is read: new rows are together in the last files, which their numbers tell
CREATE OR REPLACE TEMP TABLE differing AS
SELECT row_number, record_version
FROM (SELECT rowid AS row_number, record_version AS version FROM lake.identity.evidence)
FULL JOIN (SELECT record_version FROM linked_before) ON version = record_version
WHERE version IS NULL OR record_version IS NULL;

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT row_number FROM differing WHERE record_version IS NULL;

CREATE OR REPLACE TEMP TABLE changed AS
SELECT record_key, now.evidence_hash, before.evidence_hash AS former_hash
FROM (SELECT record_key, evidence_hash FROM lake.identity.evidence WHERE rowid IN (FROM fresh)) AS now
FULL JOIN (
    SELECT record_key, evidence_hash FROM linked_before
    SEMI JOIN (FROM differing WHERE row_number IS NULL) AS former USING (record_version)) AS before
USING (record_key)
-- end

-- alike: records with all the evidence of a changed one, as it is or was
WITH touched_hashes AS (
    SELECT evidence_hash FROM changed UNION SELECT former_hash FROM changed
)

SELECT record_key FROM lake.identity.evidence SEMI JOIN touched_hashes USING (evidence_hash) WHERE scorable
-- end

-- edges: links between named records that may make them one person, and whether between equal evidence (fold)
CREATE OR REPLACE TABLE edges AS
WITH found AS (
    SELECT id_l, id_r, weight, false AS certain FROM scores WHERE blocked AND weight >= $threshold
    UNION ALL
    SELECT id_l, id_r, weight, rule LIKE '%+name' OR rule LIKE 'strong:%' FROM asserted
    UNION ALL
    SELECT id_l, id_r, weight, true FROM identical
)

SELECT found.id_l, found.id_r, max(found.weight) AS weight, bool_or(certain AND l.evidence_hash = r.evidence_hash) AS fold
FROM found
ANTI JOIN vetoes USING (id_l, id_r)
JOIN records AS l ON found.id_l = l.id AND (l.named OR l.scorable)
JOIN records AS r ON found.id_r = r.id AND (r.named OR r.scorable)
GROUP BY found.id_l, found.id_r
-- end

-- result: every link, with keys, weight, rule and veto
CREATE OR REPLACE TABLE result AS
WITH kept AS (
    SELECT scores.*
    FROM scores
    LEFT JOIN members AS l ON scores.id_l = l.id
    LEFT JOIN members AS r ON scores.id_r = r.id
    WHERE (scores.blocked AND scores.weight >= $threshold) OR l.piece = r.piece
    UNION ALL
    FROM identical
),

joined AS (
    SELECT
        coalesce(kept.id_l, asserted.id_l) AS id_l,
        coalesce(kept.id_r, asserted.id_r) AS id_r,
        round(coalesce(greatest(kept.weight, asserted.weight), kept.weight, asserted.weight), 6) AS weight,
        CASE
            WHEN identical.id_r IS NOT NULL THEN 'identical'
            WHEN asserted.rule IS NOT NULL THEN asserted.rule
            WHEN kept.blocked AND kept.weight >= $threshold THEN 'splink'
            ELSE 'compared'
        END AS rule,
        kept.weight AS splink_weight,
        kept.contributions,
        kept.blocked
    FROM kept
    FULL JOIN asserted ON kept.id_l = asserted.id_l AND kept.id_r = asserted.id_r
    LEFT JOIN identical ON kept.id_l = identical.id_l AND kept.id_r = identical.id_r
)

SELECT
    joined.id_l,
    joined.id_r,
    l.record_key AS left_key,
    r.record_key AS right_key,
    joined.weight AS match_weight,
    1 / (1 + pow(2.0, -joined.weight)) AS match_probability,
    joined.rule,
    vetoes.veto,
    joined.splink_weight,
    joined.contributions,
    joined.blocked,
    CASE WHEN joined.splink_weight IS NOT NULL THEN $version END AS model_version
FROM joined
JOIN records AS l ON joined.id_l = l.id
JOIN records AS r ON joined.id_r = r.id
LEFT JOIN vetoes ON joined.id_l = vetoes.id_l AND joined.id_r = vetoes.id_r
-- end

-- linked: what each record in scope was when it was linked, and what links join to it
SELECT
    records.record_key,
    records.evidence_hash,
    records.record_version,
    value_keys(records) AS value_keys,
    block_keys(records) AS block_keys,
    CASE WHEN smallest.record_key IS NOT NULL THEN hash(smallest.record_key) END AS component,
    representatives.id IS NOT NULL AS representative,
    $version AS linking_version
FROM records
SEMI JOIN records_in_scope USING (id)
LEFT JOIN representatives USING (id)
LEFT JOIN components USING (id)
LEFT JOIN records AS smallest ON components.smallest = smallest.id
-- end
