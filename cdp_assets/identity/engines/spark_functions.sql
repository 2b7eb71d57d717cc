-- DuckDB's string similarities for Spark, exactly: temporary functions over those of Splink's jar (`jar_…`).
-- The jar's see letters where DuckDB sees bytes, take a missing value for the empty one, and count a half of Jaro's
-- transpositions that DuckDB drops: of a hundred thousand pairs of names a few would fall on the other side of a
-- threshold, and their people depend on the engine.
-- `transform(array(x), x -> …)[0]` is Spark's way to name a value. It also keeps the expression out of Spark's code
-- generator, which takes minutes for what is written out.

CREATE OR REPLACE TEMPORARY FUNCTION duckdb_damerau_levenshtein(a STRING, b STRING) RETURNS DOUBLE
RETURN transform(
    array(transform(array(a, b), s -> decode(encode(s, 'UTF-8'), 'ISO-8859-1'))),
    p -> CASE WHEN p[0] IS NOT NULL AND p[1] IS NOT NULL THEN jar_damerau_levenshtein(p[0], p[1]) END)[0];

CREATE OR REPLACE TEMPORARY FUNCTION duckdb_levenshtein(a STRING, b STRING) RETURNS INT
RETURN levenshtein(
    decode(encode(a, 'UTF-8'), 'ISO-8859-1'), decode(encode(b, 'UTF-8'), 'ISO-8859-1'));

-- the jar's has two digits only
CREATE OR REPLACE TEMPORARY FUNCTION duckdb_jaccard(a STRING, b STRING) RETURNS DOUBLE
RETURN transform(
    array(transform(array(a, b), s -> split(decode(encode(s, 'UTF-8'), 'ISO-8859-1'), ''))),
    p -> CASE WHEN p[0] IS NOT NULL AND p[1] IS NOT NULL
              THEN size(array_intersect(p[0], p[1])) / size(array_union(p[0], p[1])) END)[0];

-- The jar's value is quick to have and at most 1/18 below DuckDB's, but for Winkler's bonus, which begins at 0.7: below
-- 0.6 DuckDB's is below 0.66, less than any threshold. From there on:
-- each character of b takes the first free equal one of a within the window (half the longer length, less one). Taken
-- characters of a become \0 in `rest`, their partners are in `matched`; where these differ they are transposed.
CREATE OR REPLACE TEMPORARY FUNCTION duckdb_jaro_winkler_similarity(a STRING, b STRING) RETURNS DOUBLE
RETURN transform(
    array(transform(array(a, b), s -> decode(encode(s, 'UTF-8'), 'ISO-8859-1'))),
    p -> CASE
        WHEN p[0] IS NULL OR p[1] IS NULL THEN NULL
        WHEN p[0] = '' OR p[1] = '' THEN 0D
        WHEN jar_jaro_winkler(p[0], p[1]) < 0.6D THEN jar_jaro_winkler(p[0], p[1])
        ELSE transform(
            array(aggregate(
                sequence(1, length(p[1])),
                named_struct(
                    'rest', p[0], 'matched', '',
                    'window', greatest(greatest(length(p[0]), length(p[1])) DIV 2 - 1, 0)),
                (s, i) -> CASE
                    WHEN locate(substr(p[1], i, 1), s.rest, greatest(1, i - s.window)) BETWEEN 1 AND i + s.window
                    THEN named_struct(
                        'rest',
                        overlay(
                            s.rest PLACING '\0'
                            FROM locate(substr(p[1], i, 1), s.rest, greatest(1, i - s.window))),
                        'matched', concat(s.matched, substr(p[1], i, 1)),
                        'window', s.window)
                    ELSE s END,
                s -> named_struct(
                    'matches', length(s.matched),
                    'differing', size(filter(
                        zip_with(
                            filter(sequence(1, length(p[0])), k -> substr(s.rest, k, 1) = '\0'),
                            sequence(1, length(s.matched)),
                            (k, l) -> substr(p[0], k, 1) <> substr(s.matched, l, 1)),
                        differs -> differs))))),
            found -> transform(
                array(
                    (found.matches / length(p[0]) + found.matches / length(p[1])
                     + (found.matches - found.differing DIV 2) / found.matches) / 3D),
                jaro -> CASE
                    WHEN jaro <= 0.7D THEN jaro
                    ELSE jaro + 0.1D * (1D - jaro) * least(
                        length(p[0]), length(p[1]),
                        CASE WHEN left(p[0], 1) <> left(p[1], 1) THEN 0
                             WHEN left(p[0], 2) <> left(p[1], 2) THEN 1
                             WHEN left(p[0], 3) <> left(p[1], 3) THEN 2
                             WHEN left(p[0], 4) <> left(p[1], 4) THEN 3
                             ELSE 4 END)
                    END)[0])[0]
        END)[0];
