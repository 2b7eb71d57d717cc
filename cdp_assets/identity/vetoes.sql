-- Why a pair of the scratch table `pairs` (id_l, id_r) must not be one person: rows for the scratch table `vetoes`.
-- A shared strong identifier excuses a different name, and a birth date within one edit excuses it too. Namesakes born a
-- generation apart, with different e-mail or phone, are parent and child.
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
        coalesce(asserted.rule LIKE 'strong:%', false) AS strong,
        coalesce(l.first_name IS NOT NULL AND r.first_name IS NOT NULL AND (
            NOT first_names_compatible(l, r) AND NOT first_name_misspelt(l, r)
            OR l.gender <> r.gender AND NOT list_has_any(l.given_forms, r.given_forms)
        ), false) AS different_first_name,
        coalesce(damerau_levenshtein(l.date_of_birth, r.date_of_birth) <= 1, false) AS born_alike,
        coalesce(abs(left(l.date_of_birth, 4)::INT - left(r.date_of_birth, 4)::INT), 0) >= $generation_years
        AND coalesce(l.email_user <> r.email_user, l.phone <> r.phone, false)
        AND coalesce(l.phone <> r.phone, true) AS generations_apart
    FROM pairs
    JOIN records AS l ON pairs.id_l = l.id
    JOIN records AS r ON pairs.id_r = r.id
    LEFT JOIN asserted ON pairs.id_l = asserted.id_l AND pairs.id_r = asserted.id_r
)

SELECT id_l, id_r, 'exclusive identifier' AS veto FROM conflicts
UNION ALL
SELECT
    compared.id_l, compared.id_r,
    CASE WHEN different_first_name THEN 'first name' ELSE 'generation' END
FROM compared
ANTI JOIN conflicts ON compared.id_l = conflicts.id_l AND compared.id_r = conflicts.id_r
WHERE NOT strong AND NOT born_alike AND (different_first_name OR generations_apart);
