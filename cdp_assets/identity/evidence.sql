-- One row per record of `changed_customers`: what it knows about a person, in comparable form. Null where it knows
-- nothing. Addresses come from addresses.sql.
-- Values repeat, so that each is normalised once. A CTE that were not materialized would be worked out again in every place
-- that uses it, and so would one with a condition
-- on what it works out. CASE within CASE is slow as well: it keeps DuckDB from working out equal parts once.
WITH name_words AS MATERIALIZED (
    SELECT value, name_tokens(value) AS tokens, generation_suffix(value) AS suffix
    FROM (SELECT first_name AS value FROM changed_customers UNION SELECT last_name FROM changed_customers)
    WHERE value IS NOT NULL
),

given_names AS MATERIALIZED (
    SELECT
        value,
        suffix,
        nullif(array_to_string(tokens, ' '), '') AS first_name,
        tokens[1] AS call_name,
        nullif(array_to_string(tokens[2:], ' '), '') AS middle_name,
        coalesce(canonical, tokens[1]) AS given,
        CASE WHEN tokens[1] IS NOT NULL THEN list_sort(list_distinct(list_append(coalesce(forms, []), tokens[1]))) END
            AS given_forms,
        name IS NOT NULL AS known_name
    FROM name_words LEFT JOIN nickname_groups ON tokens[1] = name
),

family_names AS MATERIALIZED (
    SELECT value, suffix, nullif(array_to_string(tokens, ''), '') AS last_name FROM name_words
),

declared AS MATERIALIZED (
    SELECT record_key, entry.key AS type, entry.value AS given
    FROM (SELECT record_key, unnest(map_entries(identifiers)) AS entry FROM changed_customers)
),

listed AS MATERIALIZED (
    SELECT record_key, type, unnest(given) AS value FROM declared
    UNION ALL SELECT record_key, 'email', email FROM changed_customers WHERE email IS NOT NULL
    UNION ALL SELECT record_key, 'phone', phone FROM changed_customers WHERE phone IS NOT NULL
),

emails AS MATERIALIZED (
    SELECT value, email, nullif(split_part(email, '@', 1), '') AS email_user,
           letters_alone(split_part(email, '@', 1)) AS email_letters
    FROM (SELECT DISTINCT value, personal_email(value) AS email FROM listed WHERE type = 'email')
),

phones AS MATERIALIZED (
    SELECT value, phone, phone_kind(phone) AS phone_kind
    FROM (SELECT value, personal_phone(value) AS phone FROM (SELECT DISTINCT value FROM listed WHERE type = 'phone'))
),

identifiers AS (
    SELECT
        record_key,
        list_sort(list(DISTINCT {'type': type, 'value_key': md5(type || ':' || value)}) FILTER (value IS NOT NULL))
            AS identifiers
    FROM (
        SELECT record_key, type, email AS value FROM listed JOIN emails USING (value) WHERE type = 'email'
        UNION ALL
        SELECT record_key, type, phone FROM listed JOIN phones USING (value) WHERE type = 'phone'
        UNION ALL
        SELECT record_key, type, identifier(value) FROM listed WHERE type NOT IN ('email', 'phone')
    )
    GROUP BY record_key
),

-- what a record has one of, of a kind that a person has to themselves: account, loyalty, social-security numbers
numbered AS (
    SELECT record_key, map_from_entries(list_sort(list({'type': type, 'value': value}) FILTER (value IS NOT NULL))) AS numbers
    FROM (SELECT record_key, type, identifier(given[1]) AS value FROM declared WHERE len(given) = 1 AND is_number(type))
    GROUP BY record_key
),

formed AS (
    SELECT
        record_key,
        source,
        input_hash,
        given_names.first_name,
        call_name,
        middle_name,
        given,
        given_forms,
        coalesce(known_name, false) AS known_name,
        family_names.last_name,
        coalesce(family_names.suffix, given_names.suffix) AS suffix,
        plausible_birth(date_of_birth) AS date_of_birth,
        CASE WHEN lower(gender) IN ('f', 'female', 'w', 'weiblich', 'mujer', 'woman') THEN 'f'
             WHEN lower(gender) IN ('m', 'male', 'männlich', 'hombre', 'man') THEN 'm' END AS gender,
        emails.email,
        email_user,
        made_of_names(email_letters, coalesce(given_forms, [NULL]), family_names.last_name) AS email_is_name,
        phones.phone,
        phones.phone_kind,
        street_lines.street,
        post_codes.postal_code,
        city_names.city,
        numbers
    FROM changed_customers AS records
    LEFT JOIN given_names ON records.first_name = given_names.value
    LEFT JOIN family_names ON records.last_name = family_names.value
    LEFT JOIN street_lines ON records.street = street_lines.value AND coalesce(records.country, '') = street_lines.country
    LEFT JOIN post_codes
        ON records.postal_code = post_codes.value AND coalesce(records.country, '') = post_codes.country
    LEFT JOIN city_names ON records.city = city_names.value AND coalesce(records.country, '') = city_names.country
    LEFT JOIN emails ON records.email = emails.value
    LEFT JOIN phones ON records.phone = phones.value
    LEFT JOIN numbered USING (record_key)
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
    hash(record_key, evidence_hash, identifiers.identifiers) AS record_version,
    input_hash
FROM hashed
LEFT JOIN identifiers USING (record_key)
