-- Why a pair of the scratch table `pairs` (id_l, id_r) must not be one person; null: nothing speaks against it.
-- A shared strong identifier or other number of one's own excuses everything but an exclusive one's conflict, and a
-- birth date within one edit excuses a different name. What a household shares, such as its address, landline, or an e-mail
-- address seen with several first names, tells none of its members from another: at one home something that is one
-- person's alone must not speak against the pair. An initial with another birth date, or last name and address alone, do
-- not tell which member of a household a record is about.
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
        pairs.id_l,
        pairs.id_r,
        coalesce(jaro_winkler_similarity(l.street, r.street) >= 0.9
            AND (l.postal_code = r.postal_code OR l.city = r.city), false) AS one_address,
        common_email.value_key IS NOT NULL AS email_in_common,
        common_phone.value_key IS NOT NULL OR coalesce(l.phone = r.phone AND l.phone_kind = 'landline', false)
            AS phone_in_common,
        coalesce(l.phone = r.phone, false) AND NOT phone_in_common OR contact_alike(l.email, r.email) AND NOT email_in_common
            AS own_contact_alike,
        one_address OR email_in_common OR phone_in_common AS one_home,
        CASE WHEN one_home THEN least(middle_weight(l, r), 0)
            + CASE WHEN email_in_common THEN 0 ELSE email_weight(l, r) END
            + CASE WHEN phone_in_common THEN 0 ELSE phone_weight(l, r) END END AS contact,
        contact + birth_weight(l, r) AS personal,
        -- two established first names or other initials, a girl's and a boy's, two with contact data of their own, or at
        -- home two that have nothing in common, on one birth date are twins, unless they also share an e-mail address
        (l.established OR length(l.call_name) = 1) AND (r.established OR length(r.call_name) = 1) AND $reliable_name
        OR coalesce(l.gender <> r.gender OR contact <= $reliable, false)
        OR $reliable_name AND one_address AND l.last_name = r.last_name AND left(l.call_name, 1) <> left(r.call_name, 1)
        AND jaro_winkler_similarity(l.call_name, r.call_name) < 0.7 AS twin_names,
        -- CASE takes the first that is true, and leaves what is slow to the pairs that are still in doubt
        CASE
            WHEN asserted.rule LIKE 'strong:%' OR near_number(l, r) THEN NULL
            WHEN within_edits(l.date_of_birth, r.date_of_birth, 1) AND (
                NOT coalesce(twin_names, false) OR coalesce(l.email = r.email, false) AND NOT email_in_common) THEN NULL
            -- of a family at one home, names have to be alike, unless something personal is
            WHEN l.first_name IS NOT NULL AND r.first_name IS NOT NULL AND (
                CASE WHEN first_names_compatible(l, r) THEN false
                     ELSE NOT first_name_misspelt(l, r) OR coalesce(
                        personal <= 0 AND l.last_name = r.last_name
                        AND jaro_winkler_similarity(l.call_name, r.call_name) < 0.88
                        AND damerau_levenshtein(l.call_name, r.call_name) > 1, false) END
                OR l.gender <> r.gender AND NOT list_has_any(l.given_forms, r.given_forms)) THEN 'first name'
            WHEN within_edits(l.date_of_birth, r.date_of_birth, 1) THEN NULL
            WHEN l.suffix <> r.suffix THEN 'generation'
            WHEN $reliable_birth
                AND abs(left(l.date_of_birth, 4)::INT - left(r.date_of_birth, 4)::INT) >= $generation_years
                AND NOT own_contact_alike THEN 'generation'
            WHEN ($reliable_birth OR least(length(l.call_name), length(r.call_name)) = 1 AND NOT own_contact_alike)
                AND birth_dates_apart(l, r) THEN 'birth date'
            WHEN (personal <= $reliable OR contact <= CASE WHEN l.given = r.given THEN $doubtful ELSE -0.1 END)
                AND NOT own_contact_alike THEN 'namesakes'
            WHEN (l.first_name IS NULL OR r.first_name IS NULL) AND l.last_name = r.last_name
                AND (l.date_of_birth IS NULL OR r.date_of_birth IS NULL)
                AND NOT own_contact_alike THEN 'no first name'
        END AS veto
    FROM pairs
    JOIN records AS l ON pairs.id_l = l.id
    JOIN records AS r ON pairs.id_r = r.id
    -- one equality each: with a condition on the pair beside it, DuckDB would compare every pair with every value
    LEFT JOIN common_values AS common_email
        ON common_email.value_key = CASE WHEN l.email = r.email THEN md5('email:' || l.email) END
    LEFT JOIN common_values AS common_phone
        ON common_phone.value_key = CASE WHEN l.phone = r.phone THEN md5('phone:' || l.phone) END
    LEFT JOIN asserted ON pairs.id_l = asserted.id_l AND pairs.id_r = asserted.id_r
)

SELECT id_l, id_r, 'exclusive identifier' AS veto FROM conflicts
UNION ALL
SELECT id_l, id_r, veto FROM compared ANTI JOIN conflicts USING (id_l, id_r)
