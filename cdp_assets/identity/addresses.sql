-- Streets, cities and postal codes of `changed_customers` in comparable form, one row for each value and country:
-- temporary tables `street_lines`, `city_names` and `post_codes`. Needs `word_rows` and `custom_rows` (addresses.py), and
-- the macros of normalization.py.
CREATE OR REPLACE TEMP TABLE address_customs AS FROM custom_rows;

CREATE OR REPLACE TEMP TABLE address_words AS
SELECT country, part, folded(word) AS word, any_value(short) AS short FROM word_rows GROUP BY ALL;

-- The name of the street, the number of the house, and then that of the flat, however they were written.
CREATE OR REPLACE TEMP TABLE street_lines AS
WITH given AS MATERIALIZED (
    SELECT value, given.country, unit_before, coalesce(customs.country, '') AS customs, row_number() OVER () AS id
    FROM (
        SELECT DISTINCT street AS value, coalesce(country, '') AS country FROM changed_customers
        WHERE street IS NOT NULL) AS given
    LEFT JOIN address_customs AS customs ON given.country = customs.country
),

spelled AS MATERIALIZED (
    SELECT id, customs, CASE unit_before
        WHEN '/' THEN regexp_replace(line, '^\s*(?:u|unit)?\s*([0-9]+[a-z]?)\s*/\s*([0-9])', 'apt \1 \2')
        WHEN '-' THEN regexp_replace(line, '^\s*([0-9]+[a-z]?)\s*-\s*([0-9])', 'apt \1 \2')
        ELSE line END AS line
    FROM (
        SELECT id, customs, unit_before, regexp_replace(regexp_replace(regexp_replace(parted(
            replace(translate(folded(value), 'ºª°', '   '), '#', ' # ')),
            '[''’`´]s\b', 's', 'g'), '\bp\.?\s?o\.?\s?box\b', 'pobox'), '(\p{L}{2,})([0-9])', '\1 \2', 'g') AS line
        FROM given)
),

listed AS (
    SELECT id, customs, list_filter(regexp_split_to_array(line, '[^\p{L}0-9#]+'), lambda word: word <> '') AS words
    FROM spelled
),

tokens AS (
    SELECT id, customs, unnest(words) AS word, generate_subscripts(words, 1) AS position FROM listed
),

-- a letter behind a number belongs to it, at the end of what is said of the house; before a name it may be a street's
shortened AS MATERIALIZED (
    SELECT id, any_value(customs) AS customs, regexp_replace(regexp_replace(regexp_replace(
        string_agg(coalesce(short, tokens.word), ' ' ORDER BY position) FILTER (coalesce(short, tokens.word) <> ''),
        '\bno ([0-9])', '\1', 'g'), '([0-9]) ([ab])( |$)', '\1\2\3', 'g'), '([0-9]) ([a-z])( [0-9]|$)', '\1\2\3') AS line
    FROM tokens
    LEFT JOIN (FROM address_words WHERE part = 'street') AS known
        ON tokens.customs = known.country AND tokens.word = known.word
    GROUP BY id
),

marked AS MATERIALIZED (
    SELECT id, customs, string_split(regexp_replace(regexp_replace(line,
        '\b(?:apt|fl|ste) ([0-9]+[a-z]?|[a-z])( |$)', '=\1\2', 'g'),
        '\b([0-9]+)(?:st|nd|rd|th|er|eme|e)? fl( |$)', '=\1\2', 'g'), ' ') AS words
    FROM shortened
),

house AS MATERIALIZED (
    SELECT id, customs,
        array_to_string(list_filter(words, lambda word: NOT starts_with(word, '=')), ' ') AS house,
        replace(array_to_string(list_filter(words, lambda word: starts_with(word, '=')), ' '), '=', '') AS flat
    FROM marked
),

ordered AS (
    -- without a country nobody knows where the number stands
    SELECT id, nullif(trim(concat_ws(' ', CASE WHEN customs = '' THEN house ELSE regexp_replace(house,
        '^([0-9]+[a-z]?(?: [0-9]+[a-z]?)*) (.*?\p{L})((?: [0-9]+[a-z]?)*)$', '\2 \1\3') END, flat)), '') AS street
    FROM house
)

SELECT given.value, given.country, ordered.street FROM given JOIN ordered USING (id);

CREATE OR REPLACE TEMP TABLE city_names AS
WITH given AS MATERIALIZED (
    SELECT value, given.country, regions, coalesce(customs.country, '') AS customs, row_number() OVER () AS id
    FROM (
        SELECT DISTINCT city AS value, coalesce(country, '') AS country FROM changed_customers
        WHERE city IS NOT NULL) AS given
    LEFT JOIN address_customs AS customs ON given.country = customs.country
),

listed AS (
    -- what has a digit is a district: Paris 15e, London SE1
    SELECT id, customs, regions, list_filter(
        regexp_split_to_array(folded(value), '[^\p{L}0-9]+'), lambda word: regexp_full_match(word, '\p{L}+')) AS words
    FROM given
),

tokens AS (
    SELECT id, customs, unnest(CASE WHEN len(words) > 1 AND list_contains(regions, words[-1]) THEN words[:-2] ELSE words END)
            AS word,
        generate_subscripts(words, 1) AS position
    FROM listed
),

named AS (
    SELECT id, string_agg(coalesce(short, tokens.word), ' ' ORDER BY position) AS city
    FROM tokens
    LEFT JOIN (FROM address_words WHERE part = 'place') AS known
        ON tokens.customs = known.country AND tokens.word = known.word
    WHERE tokens.word IS NOT NULL AND coalesce(short, tokens.word) <> ''
    GROUP BY id
)

SELECT given.value, given.country, named.city FROM given JOIN named USING (id);

CREATE OR REPLACE TEMP TABLE post_codes AS
SELECT value, given.country,
    CASE WHEN digits IS NOT NULL AND regexp_full_match(code, '[A-Z]{0,3}[0-9]+')
         THEN lpad(regexp_replace(code, '[A-Z]', '', 'g'), digits, '0') ELSE code END AS postal_code
FROM (
    SELECT DISTINCT postal_code AS value, coalesce(country, '') AS country, compact(postal_code) AS code
    FROM changed_customers WHERE postal_code IS NOT NULL) AS given
LEFT JOIN address_customs USING (country);
