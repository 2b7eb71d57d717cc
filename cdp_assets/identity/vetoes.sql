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
        coalesce(asserted.rule LIKE 'strong:%', false) OR near_number(l, r) AS own_identifier,
        coalesce(jaro_winkler_similarity(l.street, r.street) >= 0.9
            AND (l.postal_code = r.postal_code OR l.city = r.city), false) AS one_address,
        CASE WHEN one_address THEN contact_weight(l, r) END AS contact,
        CASE WHEN one_address THEN contact + birth_weight(l, r) END AS personal,
        -- of a family at one address, names have to be alike, unless something personal is
        coalesce(l.first_name IS NOT NULL AND r.first_name IS NOT NULL AND (
            NOT first_names_compatible(l, r) AND (NOT first_name_misspelt(l, r) OR coalesce(
                personal <= 0 AND l.last_name = r.last_name AND jaro_winkler_similarity(l.call_name, r.call_name) < 0.88
                AND damerau_levenshtein(l.call_name, r.call_name) > 1, false))
            OR l.gender <> r.gender AND NOT list_has_any(l.given_forms, r.given_forms)
        ), false) AS different_first_name,
        -- two established first names or other initials, a girl's and a boy's, two with contact data of their own, or at
        -- home two that have nothing in common, on one birth date are twins, unless they also share an e-mail address
        (l.established OR length(l.call_name) = 1) AND (r.established OR length(r.call_name) = 1) AND $reliable_name
        OR coalesce(l.gender <> r.gender OR contact <= $reliable, false)
        OR $reliable_name AND one_address AND l.last_name = r.last_name AND left(l.call_name, 1) <> left(r.call_name, 1)
        AND jaro_winkler_similarity(l.call_name, r.call_name) < 0.7 AS twin_names,
        coalesce(damerau_levenshtein(l.date_of_birth, r.date_of_birth) <= 1, false)
        AND (NOT coalesce(twin_names, false) OR coalesce(l.email = r.email, false) OR NOT different_first_name)
        AS born_alike,
        contacts_alike(l, r) AS contact_alike,
        coalesce(abs(left(l.date_of_birth, 4)::INT - left(r.date_of_birth, 4)::INT), 0) >= $generation_years
        AND $reliable_birth AND NOT contact_alike OR coalesce(l.suffix <> r.suffix, false) AS generations_apart,
        birth_dates_apart(l, r) AND least(length(l.call_name), length(r.call_name)) = 1 AND NOT contact_alike AS born_apart,
        coalesce(personal <= $reliable, false) AND NOT contact_alike AS namesakes,
        (l.first_name IS NULL) <> (r.first_name IS NULL) AND NOT contact_alike AND l.last_name = r.last_name
        AND (l.date_of_birth IS NULL OR r.date_of_birth IS NULL) AS nameless
    FROM pairs
    JOIN records AS l ON pairs.id_l = l.id
    JOIN records AS r ON pairs.id_r = r.id
    LEFT JOIN asserted ON pairs.id_l = asserted.id_l AND pairs.id_r = asserted.id_r
)

SELECT id_l, id_r, 'exclusive identifier' AS veto FROM conflicts
UNION ALL
SELECT
    compared.id_l, compared.id_r,
    CASE WHEN different_first_name THEN 'first name' WHEN generations_apart THEN 'generation'
         WHEN born_apart THEN 'birth date' WHEN namesakes THEN 'namesakes' ELSE 'no first name' END
FROM compared
ANTI JOIN conflicts ON compared.id_l = conflicts.id_l AND compared.id_r = conflicts.id_r
WHERE NOT own_identifier AND NOT born_alike AND (different_first_name OR generations_apart OR born_apart OR namesakes OR coalesce(nameless, false));
