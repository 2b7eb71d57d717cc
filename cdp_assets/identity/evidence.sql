-- One row per record of `changed_customers`: what it knows about a person, in comparable form. Null where it
-- knows nothing.
WITH tokens AS (
    SELECT
        record_key,
        source,
        input_hash,
        name_tokens(first_name) AS first_tokens,
        name_tokens(last_name) AS last_tokens,
        coalesce(generation_suffix(last_name), generation_suffix(first_name)) AS suffix,
        plausible_birth(date_of_birth) AS date_of_birth,
        CASE WHEN lower(gender) IN ('f', 'female', 'w', 'weiblich', 'mujer', 'woman') THEN 'f'
             WHEN lower(gender) IN ('m', 'male', 'männlich', 'hombre', 'man') THEN 'm' END AS gender,
        personal_email(email) AS email,
        personal_phone(phone) AS phone,
        street_line(street) AS street,
        compact(postal_code) AS postal_code,
        nullif(trim(regexp_replace(folded(city), '[^\p{L}]+', ' ', 'g')), '') AS city
    FROM changed_customers
),

names AS (
    SELECT
        *,
        nullif(array_to_string(first_tokens, ' '), '') AS first_name,
        nullif(array_to_string(last_tokens, ''), '') AS last_name,
        first_tokens[1] AS call_name,
        nullif(array_to_string(first_tokens[2:], ' '), '') AS middle_name,
        nullif(split_part(email, '@', 1), '') AS email_user
    FROM tokens
),

declared AS (
    SELECT record_key, unnest(map_entries(identifiers)) AS entry FROM changed_customers
),

listed AS (
    SELECT record_key, entry.key AS type, unnest(entry.value) AS value FROM declared
    UNION ALL SELECT record_key, 'email', email FROM changed_customers
    UNION ALL SELECT record_key, 'phone', phone FROM changed_customers
),

identifiers AS (
    SELECT record_key, list_sort(list(DISTINCT {'type': type, 'value_key': md5(type || ':' || value)})) AS identifiers
    FROM (
        SELECT
            record_key,
            type,
            CASE type WHEN 'email' THEN personal_email(value) WHEN 'phone' THEN personal_phone(value)
                      ELSE identifier(value) END AS value
        FROM listed
    )
    WHERE value IS NOT NULL
    GROUP BY record_key
),

-- what a record has one of, of a kind that a person has to themselves: account, loyalty, social-security numbers
numbered AS (
    SELECT record_key, map_from_entries(list((type, value) ORDER BY type)) AS numbers
    FROM (
        SELECT record_key, entry.key AS type, identifier(entry.value[1]) AS value
        FROM declared WHERE len(entry.value) = 1 AND is_number(entry.key)
    )
    WHERE value IS NOT NULL
    GROUP BY record_key
),

formed AS (
    SELECT
        names.record_key, names.source, names.input_hash, names.first_name,
        names.call_name, names.middle_name, names.suffix,
        coalesce(nickname_groups.canonical, names.call_name) AS given,
        CASE WHEN names.call_name IS NOT NULL
             THEN list_sort(list_distinct(list_append(coalesce(nickname_groups.forms, []), names.call_name)))
        END AS given_forms,
        nickname_groups.name IS NOT NULL AS known_name,
        names.last_name, names.date_of_birth, names.gender, names.email, names.email_user, names.phone,
        phone_kind(names.phone) AS phone_kind,
        made_of_names(names.email_user, list_append(coalesce(nickname_groups.forms, []), names.call_name), names.last_name)
        AS email_is_name,
        names.street, names.postal_code, names.city,
        numbered.numbers
    FROM names
    LEFT JOIN nickname_groups ON names.call_name = nickname_groups.name
    LEFT JOIN numbered ON names.record_key = numbered.record_key
),

hashed AS (
    SELECT
        *,
        md5(concat_ws(
            '|',
            coalesce(first_name, '~'), coalesce(given, '~'), coalesce(given_forms::VARCHAR, '~'),
            coalesce(last_name, '~'), coalesce(date_of_birth, '~'), coalesce(gender, '~'), coalesce(email, '~'),
            coalesce(phone, '~'), coalesce(street, '~'), coalesce(postal_code, '~'), coalesce(city, '~'),
            coalesce(suffix, '~'), coalesce(numbers::VARCHAR, '~')
        )) AS evidence_hash
    FROM formed
)

SELECT
    record_key,
    source,
    first_name,
    call_name,
    middle_name,
    given,
    given_forms,
    known_name,
    last_name,
    suffix,
    date_of_birth,
    gender,
    email,
    email_user,
    email_is_name,
    phone,
    phone_kind,
    street,
    postal_code,
    city,
    numbers,
    coalesce(first_name, last_name) IS NOT NULL AS named,
    -- a name or a birth date, and one thing more: with less, a score would say nothing
    coalesce(first_name, last_name, date_of_birth) IS NOT NULL
    AND (first_name IS NOT NULL OR last_name IS NOT NULL)::INT
        + (date_of_birth IS NOT NULL)::INT + (email IS NOT NULL)::INT + (phone IS NOT NULL)::INT
        + (coalesce(street, postal_code, city) IS NOT NULL)::INT + (numbers IS NOT NULL)::INT >= 2 AS scorable,
    evidence_hash,
    identifiers.identifiers,
    md5(concat_ws('|', evidence_hash, identifiers.identifiers::VARCHAR)) AS record_version,
    input_hash
FROM hashed
LEFT JOIN identifiers USING (record_key)
