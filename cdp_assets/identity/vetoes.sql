-- Why a pair of the scratch table `pairs` (id_l, id_r) must not be one person: rows for the scratch table `vetoes`.
-- A shared strong identifier or other number of one's own excuses everything but an exclusive one's conflict, and a
-- birth date within one edit excuses a different name. Namesakes born a generation apart, or called jr and sr, are parent
-- and child. An initial with another birth date, or last name and address alone, do not tell which member of a household
-- a record is about.
INSERT INTO vetoes
WITH exclusive_values AS (
    SELECT id, identifier_type, list(DISTINCT value_key) AS values
    FROM identifier_values WHERE exclusive GROUP BY id, identifier_type
),

conflicts AS (
    SELECT DISTINCT pairs.id_l, pairs.id_r
    FROM pairs
    JOIN exclusive_values AS l ON pairs.id_l = l.id
    JOIN exclusive_values AS r ON pairs.id_r = r.id AND l.identifier_type = r.identifier_type
    WHERE NOT list_has_any(l.values, r.values)
),

-- CASE takes the first that is true, and leaves what is slow to the pairs that are still in doubt
compared AS (
    SELECT
        pairs.id_l, pairs.id_r,
        CASE
            WHEN asserted.rule LIKE 'strong:%' OR len(list_filter(map_entries(scores.contributions),
                lambda c: starts_with(c.key, 'number_') AND c.value >= $near_number)) > 0 THEN NULL
            -- two established first names on one birth date are twins, unless they also share an e-mail address
            WHEN within_edits(l.date_of_birth, r.date_of_birth, 1)
                AND (NOT (l.established AND r.established AND reliable(scores.contributions['first_name']))
                     OR l.email = r.email) THEN NULL
            WHEN l.first_name IS NOT NULL AND r.first_name IS NOT NULL AND (
                CASE WHEN first_names_compatible(l, r) THEN false ELSE NOT first_name_misspelt(l, r) END
                OR l.gender <> r.gender AND NOT list_has_any(l.given_forms, r.given_forms)) THEN 'first name'
            WHEN within_edits(l.date_of_birth, r.date_of_birth, 1) THEN NULL
            WHEN l.suffix <> r.suffix THEN 'generation'
            WHEN abs(left(l.date_of_birth, 4)::INT - left(r.date_of_birth, 4)::INT) >= $generation_years
                AND reliable(scores.contributions['date_of_birth']) AND NOT contact_alike(l, r) THEN 'generation'
            WHEN least(length(l.call_name), length(r.call_name)) = 1 AND birth_dates_apart(l, r)
                AND NOT contact_alike(l, r) THEN 'birth date'
            WHEN (l.first_name IS NULL) <> (r.first_name IS NULL) AND l.last_name = r.last_name
                AND (l.date_of_birth IS NULL OR r.date_of_birth IS NULL)
                AND NOT contact_alike(l, r) THEN 'no first name'
        END AS veto
    FROM pairs
    JOIN records AS l ON pairs.id_l = l.id
    JOIN records AS r ON pairs.id_r = r.id
    LEFT JOIN asserted ON pairs.id_l = asserted.id_l AND pairs.id_r = asserted.id_r
    -- whether another score is there depends on what else is linked: a veto must not hang on it
    LEFT JOIN scores ON pairs.id_l = scores.id_l AND pairs.id_r = scores.id_r AND scores.blocked AND scores.weight >= $threshold
)

SELECT id_l, id_r, 'exclusive identifier' AS veto FROM conflicts
UNION ALL
FROM compared ANTI JOIN conflicts USING (id_l, id_r) WHERE veto IS NOT NULL;
