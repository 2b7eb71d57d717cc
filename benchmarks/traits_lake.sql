-- people: ($people, $first_day) everyone, with records, consents and households
CREATE TEMP TABLE persons AS
SELECT i, i < $people * 9 // 10 AS known, hash(i) AS h FROM range($people) AS r(i);

INSERT INTO lake.standardized.customers BY NAME
SELECT 'shop:' || i AS record_key, 'shop' AS source, 'First' || h % 5000 AS first_name,
    'Last' || (h >> 16) % 20000 AS last_name, DATE '1950-01-01' + ((h >> 8) % 20000)::INT AS date_of_birth,
    ['female', 'male', 'other', NULL][1 + (h % 4)::INT] AS gender, 'p' || i || '@mail.example' AS email,
    CASE WHEN h % 3 > 0 THEN '+4930' || (1000000 + i) END AS phone, 'Street ' || h % 900 AS street,
    ['Berlin', 'Paris', 'Leeds', 'Wien'][1 + (h % 4)::INT] AS city, NULL AS region,
    (10000 + h % 9000)::VARCHAR AS postal_code, ['DE', 'FR', 'GB', 'AT'][1 + (h % 4)::INT] AS country,
    NULL AS identifiers, '{}' AS attributes,
    $first_day - (h % 900)::INT AS created_at, $first_day - (h % 300)::INT AS updated_at
FROM persons WHERE known
ORDER BY h;

INSERT INTO lake.standardized.customers BY NAME
SELECT 'web:' || i AS record_key, 'web' AS source, MAP {'device': ['device-' || i]} AS identifiers,
    '{}' AS attributes, $first_day - (h % 400)::INT AS created_at, $first_day - (h % 200)::INT AS updated_at
FROM persons
ORDER BY h;

INSERT INTO lake.identity.record_persons
SELECT kind || ':' || i, 'p-' || md5(i::VARCHAR), $first_day
FROM persons, (VALUES ('shop'), ('web')) AS kinds(kind) WHERE known OR kind = 'web'
ORDER BY h;

INSERT INTO lake.standardized.consents
SELECT 'consent-' || i || '-' || n, 'shop:' || i, 'marketing', ['email', 'sms'][n::INT],
    CASE WHEN (h >> n) % 3 = 0 THEN 'withdrawn' ELSE 'granted' END, 'consent', $first_day - (h % 300)::INT, 'shop'
FROM persons, range(1, 3) AS r(n) WHERE known AND h % 10 < 6
ORDER BY h;

INSERT INTO lake.identity.households
SELECT 'p-' || md5(i::VARCHAR), 'h-' || i // 2 FROM persons WHERE known AND i // 2 % 3 = 0;
DROP TABLE persons;
-- end

-- events: ($people, $active, $first, $end, $first_day) what happens on the days from $first to before $end
INSERT INTO lake.standardized.events BY NAME
WITH sessions AS (
    SELECT d, s, hash(d, s) AS h, ((hash(d, s) >> 8) % $people)::BIGINT AS i
    FROM range($first, $end) AS r(d), range($active) AS a(s)),
steps AS (
    SELECT *, i < $people * 9 // 10 AS known, unnest(range((1 + h % 10)::BIGINT)) AS k FROM sessions),
rolled AS (SELECT *, hash(h, k) AS e FROM steps),
named AS (
    SELECT *, CASE
        WHEN e % 100 < 36 OR NOT known AND e % 100 < 60 THEN 'Page Viewed'
        WHEN e % 100 < 66 OR NOT known THEN 'Product Viewed'
        WHEN e % 100 < 73 THEN 'Product Added'
        WHEN e % 100 < 79 THEN 'Order Completed'
        WHEN e % 100 < 80 THEN 'Order Returned'
        WHEN e % 100 < 88 THEN 'Product Sold'
        WHEN e % 100 < 94 THEN 'Email Sent'
        WHEN e % 100 < 97 THEN 'Email Opened'
        WHEN e % 100 < 99 THEN 'Email Clicked'
        ELSE 'Ticket Opened' END AS event_name
    FROM rolled),
placed AS (
    SELECT *, event_name IN ('Page Viewed', 'Product Viewed', 'Product Added') AS web,
        event_name IN ('Order Completed', 'Order Returned', 'Product Sold') AS sale,
        $first_day + d::INT AS day FROM named)
SELECT md5(e::VARCHAR) AS event_id, CASE WHEN web THEN 'web' WHEN sale THEN 'shop' ELSE 'email' END AS source,
    event_name, CASE WHEN web THEN 'web:' ELSE 'shop:' END || i AS record_key,
    CASE WHEN web THEN 'device-' || CASE WHEN known OR i % 2 = 0 THEN i ELSE i % ($people * 9 // 10) END END AS device,
    (day::TIMESTAMP + to_seconds((h % 80000 + k * 60)::INT)) AT TIME ZONE 'UTC' AS occurred_at,
    occurred_at AS received_at,
    CASE WHEN sale THEN (5 + e % 20000 / 100)::DECIMAL(18, 4) END AS revenue,
    CASE WHEN sale THEN 'GBP' END AS currency,
    CASE WHEN sale THEN 'order-' || h END AS order_id,
    CASE WHEN event_name LIKE 'Product%' THEN 'product-' || (e >> 20) % 5000 END AS product_id,
    CASE WHEN sale THEN 1 END AS quantity,
    CASE WHEN event_name LIKE 'Product%' THEN '{"category":"' || ['shoes', 'bags', 'coats', 'hats', 'books', 'toys',
            'tools', 'garden'][1 + ((e >> 20) % 8)::INT] || '","position":' || e % 40 || '}'
        WHEN event_name = 'Order Completed' AND e % 5 = 0 THEN '{"coupon":"WELCOME' || e % 30 || '"}'
        WHEN event_name = 'Page Viewed' THEN '{"url":"https://shop.example/page/' || e % 3000 || '"}'
        ELSE '{}' END AS properties,
    day AS _day
FROM placed
ORDER BY occurred_at;
-- end

-- changes: ($people, $now) of a thousand people one has another e-mail and withdraws, one is new; of ten thousand two are one
CREATE TEMP TABLE changed AS
FROM lake.standardized.customers WHERE source = 'shop' AND hash(record_key, $now) % 1000 = 0;
DELETE FROM lake.standardized.customers WHERE source = 'shop' AND hash(record_key, $now) % 1000 = 0;
INSERT INTO lake.standardized.customers
SELECT * REPLACE ('new-' || email AS email, $now AS updated_at) FROM changed;
INSERT INTO lake.standardized.consents
SELECT 'consent-' || record_key || $now, record_key, 'marketing', 'email', 'withdrawn', 'consent', $now, 'shop'
FROM changed;
DROP TABLE changed;

INSERT INTO lake.standardized.customers BY NAME
SELECT 'shop:new-' || i AS record_key, 'shop' AS source, 'New' AS first_name, 'Person' || i AS last_name,
    'new' || i || '@mail.example' AS email, '{}' AS attributes, $now AS created_at, $now AS updated_at
FROM range($people // 1000) AS r(i);
INSERT INTO lake.identity.record_persons
SELECT 'shop:new-' || i, 'p-' || md5('new-' || i), $now FROM range($people // 1000) AS r(i);

UPDATE lake.identity.record_persons SET person_id = 'p-' || md5(((i + 1) % ($people * 9 // 10))::VARCHAR), since = $now
FROM (SELECT record_key AS moved, split_part(record_key, ':', 2)::BIGINT AS i FROM lake.identity.record_persons
    WHERE regexp_full_match(record_key, 'shop:\d+') AND hash(record_key, $now) % 10000 = 1)
WHERE record_key = moved;
-- end
