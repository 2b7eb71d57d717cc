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

compared AS (
    SELECT
        pairs.id_l, pairs.id_r,
        coalesce(asserted.rule LIKE 'strong:%', false) OR coalesce(len(list_filter(map_entries(scores.contributions),
            lambda c: starts_with(c.key, 'number_') AND c.value >= $near_number)) > 0, false) AS own_identifier,
        -- where birth dates or names are often wrong, a different one proves little
        coalesce(scores.contributions['date_of_birth'] <= $reliable, true) AS reliable_birth,
        coalesce(scores.contributions['first_name'] <= $reliable, true) AS reliable_name,
        coalesce(l.first_name IS NOT NULL AND r.first_name IS NOT NULL AND (
            NOT first_names_compatible(l, r) AND NOT first_name_misspelt(l, r)
            OR l.gender <> r.gender AND NOT list_has_any(l.given_forms, r.given_forms)
        ), false) AS different_first_name,
        -- two established first names on one birth date are twins, unless they also share an e-mail address
        coalesce(damerau_levenshtein(l.date_of_birth, r.date_of_birth) <= 1, false)
        AND (NOT (l.established AND r.established AND reliable_name) OR coalesce(l.email = r.email, false) OR NOT different_first_name)
        AS born_alike,
        coalesce(damerau_levenshtein(l.email, r.email) <= 2, false) OR coalesce(l.phone = r.phone, false) AS contact_alike,
        coalesce(abs(left(l.date_of_birth, 4)::INT - left(r.date_of_birth, 4)::INT), 0) >= $generation_years
        AND reliable_birth AND NOT contact_alike OR coalesce(l.suffix <> r.suffix, false) AS generations_apart,
        birth_dates_apart(l, r) AND least(length(l.call_name), length(r.call_name)) = 1 AND NOT contact_alike AS born_apart,
        (l.first_name IS NULL) <> (r.first_name IS NULL) AND NOT contact_alike AND l.last_name = r.last_name
        AND (l.date_of_birth IS NULL OR r.date_of_birth IS NULL) AS nameless
    FROM pairs
    JOIN records AS l ON pairs.id_l = l.id
    JOIN records AS r ON pairs.id_r = r.id
    LEFT JOIN asserted ON pairs.id_l = asserted.id_l AND pairs.id_r = asserted.id_r
    -- whether another score is there depends on what else is linked: a veto must not hang on it
    LEFT JOIN scores ON pairs.id_l = scores.id_l AND pairs.id_r = scores.id_r AND scores.blocked AND scores.weight >= $threshold
)

SELECT id_l, id_r, 'exclusive identifier' AS veto FROM conflicts
UNION ALL
SELECT
    compared.id_l, compared.id_r,
    CASE WHEN different_first_name THEN 'first name' WHEN generations_apart THEN 'generation'
         WHEN born_apart THEN 'birth date' ELSE 'no first name' END
FROM compared
ANTI JOIN conflicts ON compared.id_l = conflicts.id_l AND compared.id_r = conflicts.id_r
WHERE NOT own_identifier AND NOT born_alike AND (different_first_name OR generations_apart OR born_apart OR coalesce(nameless, false));
