-- What the stages before segments leave of $people people and $events events of a year, by hashes and not by chance:
-- about one person in a hundred is active on a day, a tenth are visitors of whom nothing but a device is known.
CREATE OR REPLACE TABLE lake.identity.record_persons AS
SELECT source || ':' || i AS record_key, 'p' || left(md5(i::VARCHAR), 20) AS person_id,
    TIMESTAMPTZ '2026-01-01' AS since
FROM range($people) AS t(i), (VALUES ('web'), ('crm')) AS s(source)
WHERE source = 'web' OR (i % 10 <> 0 AND hash(i, 'crm') % 10 < 3);

CREATE OR REPLACE TABLE lake.standardized.customers AS
SELECT record_key, CASE WHEN i % 10 <> 0 THEN 'Anna' END AS first_name, CASE WHEN i % 10 <> 0 THEN 'Ott' END AS last_name,
    NULL::VARCHAR AS email, NULL::VARCHAR AS phone, MAP {'device': ['d' || i]} AS identifiers
FROM (SELECT record_key, split_part(record_key, ':', 2)::BIGINT AS i FROM lake.identity.record_persons);

CREATE OR REPLACE TABLE lake.identity.overrides_in_force (left_key VARCHAR, right_key VARCHAR);

CREATE OR REPLACE TABLE lake.profiles.golden_records AS
SELECT 'p' || left(md5(i::VARCHAR), 20) AS person_id, 1::BIGINT AS records, ['web'] AS sources,
    CASE WHEN hash(i, 'household') % 4 = 0 THEN 'h' || i // 8 END AS household_id, 'Anna' AS first_name,
    'Ott' AS last_name,
    CASE WHEN hash(i, 'born') % 5 > 0 THEN DATE '1940-01-01' + (hash(i, 'date') % 25000)::INTEGER END AS date_of_birth,
    CASE hash(i, 'gender') % 3 WHEN 0 THEN 'female' WHEN 1 THEN 'male' END AS gender, NULL::VARCHAR AS email,
    NULL::VARCHAR AS phone, NULL::VARCHAR AS street, 'City ' || hash(i, 'city') % 500 AS city, NULL::VARCHAR AS region,
    (10000 + hash(i, 'city') % 500)::VARCHAR AS postal_code, ['DE', 'GB', 'FR', 'AT'][1 + (hash(i, 'country') % 4)::INTEGER] AS country,
    TIMESTAMPTZ '2025-07-01' + to_days((CASE WHEN i % 20 = 0 THEN hash(i, 'seen') % 365 ELSE 0 END)::INTEGER) AS first_seen,
    TIMESTAMPTZ '2026-07-01' AS last_seen
FROM range($people) AS t(i);

CREATE OR REPLACE TABLE lake.standardized.consents AS
SELECT md5(i::VARCHAR) AS consent_id, 'web:' || i AS record_key, 'marketing' AS purpose, 'email' AS channel,
    CASE WHEN hash(i, 'status') % 3 = 0 THEN 'withdrawn' ELSE 'granted' END AS status, 'consent' AS basis,
    TIMESTAMPTZ '2025-07-01' + to_days((hash(i, 'agreed') % 365)::INTEGER) AS occurred_at, 'web' AS source
FROM range($people) AS t(i) WHERE i % 10 <> 0;

-- five events a visit; the busiest tenth of people has a third of the visits
CREATE OR REPLACE TABLE lake.standardized.events AS
WITH visits AS (
    SELECT v, floor($people * pow((hash(v, 'who') % 1000000) / 1000000, 1.5))::BIGINT AS i,
        (hash(v, 'day') % 365)::INTEGER AS day, (hash(v, 'time') % 80000)::INTEGER AS second
    FROM range($events // 5) AS t(v)),
happened AS (
    SELECT i, v * 5 + n AS number, day, (hash(v, n, 'what') % 200)::INTEGER AS dice,
        TIMESTAMPTZ '2025-07-01' + to_days(day) + to_seconds(second + n * 97) AS occurred_at
    FROM visits, range(5) AS t(n)),
named AS (
    SELECT *, CASE WHEN dice < 70 THEN 'Page Viewed' WHEN dice < 125 THEN 'Product Viewed' WHEN dice < 150 THEN 'Email Sent'
        WHEN dice < 160 THEN 'Email Opened' WHEN dice < 175 THEN 'Product Added' WHEN dice < 185 THEN 'Product Sold'
        WHEN dice < 193 THEN 'Order Completed' WHEN dice < 196 THEN 'Email Clicked' WHEN dice < 198 THEN 'Ticket Opened'
        ELSE 'Order Returned' END AS event_name
    FROM happened)
SELECT 'e' || number AS event_id, 'web' AS source, event_name, 'web:' || i AS record_key,
    CASE WHEN dice < 125 THEN 'd' || CASE WHEN i % 100 = 0 THEN i + 1 ELSE i END END AS device, occurred_at,
    occurred_at AS received_at, revenue, 'EUR' AS currency,
    CASE WHEN revenue IS NOT NULL THEN 'o' || number END AS order_id,
    CASE WHEN dice BETWEEN 70 AND 184 THEN 's' || hash(number, 'product') % 2000 END AS product_id,
    1::DOUBLE AS quantity,
    json_object('category', ['Garden', 'Kitchen', 'Food', 'Toys'][1 + (hash(number, 'product') % 4)::INTEGER], 'page', dice) AS properties,
    DATE '2025-07-01' + day AS _day
FROM (SELECT *, CASE WHEN event_name IN ('Product Sold', 'Order Completed', 'Order Returned')
        THEN (5 + hash(number, 'money') % 10000 / 100)::DECIMAL(18, 4) END AS revenue FROM named)
ORDER BY _day;
