-- One row per standardized record: what it knows about a person, in comparable form. Null where it knows nothing.
WITH tokens AS (
    SELECT
        record_key,
        source,
        name_tokens(first_name) AS first_tokens,
        name_tokens(last_name) AS last_tokens,
        plausible_birth(date_of_birth) AS date_of_birth,
        CASE WHEN lower(gender) IN ('f', 'female', 'w', 'weiblich', 'mujer', 'woman') THEN 'f'
             WHEN lower(gender) IN ('m', 'male', 'männlich', 'hombre', 'man') THEN 'm' END AS gender,
        personal_email(email) AS email,
        personal_phone(phone) AS phone,
        street_line(street) AS street,
        compact(postal_code) AS postal_code,
        nullif(regexp_replace(folded(city), '[^\p{L}]+', ' ', 'g'), ' ') AS city
    FROM lake.standardized.customers
),

names AS (
    SELECT
        *,
        nullif(array_to_string(first_tokens, ' '), '') AS first_name,
        nullif(array_to_string(last_tokens, ''), '') AS last_name,
        first_tokens[1] AS first_token,
        nullif(split_part(email, '@', 1), '') AS email_user
    FROM tokens
),

formed AS (
    SELECT
        names.record_key, names.source, names.first_name,
        coalesce(nickname_groups.canonical, names.first_token) AS given,
        CASE WHEN names.first_token IS NOT NULL
             THEN list_sort(list_distinct(list_append(coalesce(nickname_groups.forms, []), names.first_token)))
        END AS given_forms,
        names.last_name, names.date_of_birth, names.gender, names.email, names.email_user, names.phone,
        names.street, names.postal_code, nullif(trim(names.city), '') AS city
    FROM names LEFT JOIN nickname_groups ON names.first_token = nickname_groups.name
)

SELECT
    record_key,
    source,
    first_name,
    given,
    given_forms,
    last_name,
    date_of_birth,
    gender,
    email,
    email_user,
    phone,
    street,
    postal_code,
    city,
    coalesce(first_name, last_name) IS NOT NULL AS named,
    -- a name or a birth date, and one thing more: with less, a score would say nothing
    coalesce(first_name, last_name, date_of_birth) IS NOT NULL
    AND (first_name IS NOT NULL OR last_name IS NOT NULL)::INT
        + (date_of_birth IS NOT NULL)::INT + (email IS NOT NULL)::INT + (phone IS NOT NULL)::INT
        + (coalesce(street, postal_code, city) IS NOT NULL)::INT >= 2 AS scorable,
    md5(concat_ws(
        '|',
        coalesce(first_name, '~'), coalesce(given, '~'), coalesce(given_forms::VARCHAR, '~'),
        coalesce(last_name, '~'), coalesce(date_of_birth, '~'), coalesce(gender, '~'), coalesce(email, '~'), coalesce(phone, '~'),
        coalesce(street, '~'), coalesce(postal_code, '~'), coalesce(city, '~')
    )) AS evidence_hash
FROM formed
