-- Customer records as standardized tables hold them, of the table `names` (person, first_name, last_name): tables `customers` and
-- `identifiers`. All chance is a hash of who and what: the same number of people gives the same records.
CREATE OR REPLACE MACRO chance(who, what) AS (hash(who, what) % 1000000) / 1000000.0;
CREATE OR REPLACE MACRO pick(who, what, n) AS (hash(who, what) % n)::BIGINT;
CREATE OR REPLACE MACRO mistyped(value, who, what) AS CASE
    WHEN chance(who, what) > 0.06 OR length(value) < 4 THEN value
    ELSE left(value, 1 + pick(who, 'at ' || what, length(value) - 2))
         || CASE pick(who, 'kind ' || what, 3) WHEN 0 THEN '' WHEN 1 THEN chr((97 + pick(who, what, 26))::INT)
            ELSE substr(value, 2 + pick(who, 'at ' || what, length(value) - 2), 1) END
         || substr(value, 3 + pick(who, 'at ' || what, length(value) - 2)) END;

-- Of five people two live with the one before them: the same surname, address and landline.
CREATE OR REPLACE TABLE people AS
WITH homes AS (
    SELECT *, person - (person % 5 IN (1, 3))::INT AS home FROM names
),
found AS (
    SELECT
        homes.person, homes.first_name, head.last_name, homes.home,
        DATE '1935-01-01' + pick(homes.person, 'born', 25000)::INT AS date_of_birth,
        pick(homes.home, 'city', 60) * pick(homes.home, 'big', 60) / 60 AS city
    FROM homes JOIN names AS head ON homes.home = head.person
)
SELECT
    found.person, found.first_name, found.last_name, date_of_birth,
    lower(left(found.first_name, 1 + 8 * pick(found.person, 'user', 2)) || '.' || replace(found.last_name, ' ', ''))
        || pick(found.person, 'mail', 400) || '@' || ['gmail.com', 'web.example', 'mail.example'][1 + pick(found.person, 'at', 3)] AS email,
    '+4930' || lpad((home * 7919 % 100000000)::VARCHAR, 8, '0') AS landline,
    '+4917' || lpad((found.person * 104729 % 1000000000)::VARCHAR, 9, '0') AS mobile,
    road.last_name || ' Street ' || (1 + pick(home, 'house', 90)) AS street,
    ['Ash', 'Oak', 'Elm', 'Birch', 'Maple', 'Cedar', 'Pine', 'Willow', 'Hazel', 'Rowan'][1 + city::INT % 10]
        || ['ton', 'ford', 'ham', 'wick', 'bury', 'stead'][1 + city::INT // 10] AS city,
    lpad((city::INT * 100 + pick(home, 'code', 100))::VARCHAR, 5, '0') AS postal_code,
    'acc' || found.person AS account, 'dev' || pick(found.person, 'device', 1000000000) AS device
FROM found JOIN names AS road ON road.person = pick(home, 'road', 3000);

-- One to four records of a person, in four sources: what each lacks, and what was mistyped.
CREATE OR REPLACE TABLE customers AS
WITH copies AS (
    SELECT *, unnest(range((1 + least(pick(person, 'a', 3), pick(person, 'b', 4)) + pick(person, 'c', 2))::BIGINT)) AS copy
    FROM people
),
said AS (
    SELECT *, hash(person, copy) AS who, ['crm', 'shop', 'pos', 'web'][1 + (copy + person) % 4] AS source FROM copies
)
SELECT
    source || ':' || person || '-' || copy AS record_key,
    source,
    CASE WHEN source <> 'web' OR chance(who, 'named') < 0.5 THEN
        CASE WHEN chance(who, 'initial') < 0.03 THEN left(first_name, 1) ELSE mistyped(first_name, who, 'first') END END
        AS first_name,
    CASE WHEN source <> 'web' OR chance(who, 'named') < 0.5 THEN mistyped(last_name, who, 'last') END AS last_name,
    CASE WHEN chance(who, 'born') < 0.6 AND source <> 'web' THEN
        CASE WHEN chance(who, 'other') < 0.03 THEN date_of_birth + 1 ELSE date_of_birth END END AS date_of_birth,
    NULL::VARCHAR AS gender,
    CASE WHEN chance(who, 'email') < 0.7 OR source = 'web' THEN mistyped(email, who, 'email') END AS email,
    CASE WHEN chance(who, 'phone') < 0.25 THEN landline WHEN chance(who, 'phone') < 0.6 THEN mobile END AS phone,
    CASE WHEN chance(who, 'address') < 0.65 THEN mistyped(street, who, 'street') END AS street,
    CASE WHEN chance(who, 'address') < 0.65 THEN city END AS city,
    NULL::VARCHAR AS region,
    CASE WHEN chance(who, 'address') < 0.65 THEN postal_code END AS postal_code,
    NULL::VARCHAR AS country,
    map_from_entries(list_filter(
        [{'k': 'account_id', 'v': CASE WHEN chance(who, 'account') < 0.3 THEN [account] END},
         {'k': 'device', 'v': CASE WHEN source IN ('web', 'shop') AND chance(who, 'seen') < 0.6 THEN [device] END}],
        lambda entry: entry.v IS NOT NULL)) AS identifiers,
    NULL::JSON AS attributes,
    TIMESTAMPTZ '2024-01-01' AS created_at,
    TIMESTAMPTZ '2024-02-01' AS updated_at
FROM said;
