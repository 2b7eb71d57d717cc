-- A lake as the stages before syncs leave it: $people people, all members with consent, one record each.
CREATE TABLE lake.profiles.profiles AS
SELECT 'p' || lpad(n::VARCHAR, 9, '0') AS person_id, 'user' || n || '@example.com' AS email,
    'Name' || n % 997 AS first_name, n % 100 AS revision, n % 5000 / 10 AS spend, DATE '2026-06-30' AS as_of
FROM range($people) AS people (n);

CREATE TABLE lake.segments.evaluations AS
SELECT DATE '2026-06-30' AS as_of, 'best' AS segment, $people::BIGINT AS members, now() AS evaluated_at;

CREATE TABLE lake.segments.memberships AS
SELECT DATE '2026-06-30' AS as_of, 'best' AS segment, person_id FROM lake.profiles.profiles;

CREATE TABLE lake.identity.record_persons AS
SELECT 'crm:' || person_id AS record_key, person_id, now() AS since FROM lake.profiles.profiles;

CREATE TABLE lake.standardized.consents AS
SELECT 'c' || person_id AS consent_id, 'crm:' || person_id AS record_key, 'marketing' AS purpose, 'email' AS channel,
    'granted' AS status, 'consent' AS basis, TIMESTAMPTZ '2026-01-01' AS occurred_at, 'crm' AS source
FROM lake.profiles.profiles;
