"""What the rules ask of two records, `l` and `r`: conditions that `asserted.sql` and `vetoes.sql` name as `name(l, r)`.

They are put into the text of a statement, for a macro that is given a whole record packs all its columns for each thing
that it looks at: three times the work.
"""

from collections.abc import Mapping

MACROS = """
-- at most n typing errors; CASE, here and below, keeps what is slow from pairs that a quick look decides
CREATE OR REPLACE TEMP MACRO within_edits(a, b, n) AS
    CASE WHEN a = b THEN true WHEN abs(length(a) - length(b)) > n THEN false ELSE damerau_levenshtein(a, b) <= n END;
CREATE OR REPLACE TEMP MACRO contact_alike(a, b) AS coalesce(
    within_edits(a, b, 2) AND regexp_replace(a, '[^0-9]', '', 'g') = regexp_replace(b, '[^0-9]', '', 'g'), false);
"""

CONDITIONS = {
    "first_names_compatible": """
    CASE WHEN list_has_any(l.given_forms, r.given_forms) THEN true ELSE coalesce(
        (length(l.call_name) = 1 AND len(list_filter(r.given_forms, lambda x: starts_with(x, l.call_name))) > 0)
        OR (length(r.call_name) = 1 AND len(list_filter(l.given_forms, lambda x: starts_with(x, r.call_name))) > 0)
        OR (NOT (l.established AND r.established) AND forms_alike(l, r))
        -- a letter that was lost cuts a name in two
        OR (contains(l.first_name, ' ') <> contains(r.first_name, ' ')
            AND jaro_winkler_similarity(l.swap_first, r.swap_first) >= 0.94)
        OR (l.swap_first = r.swap_last AND l.swap_last = r.swap_first), false) END""",
    # two established first names are two names, however alike: martin and martina
    "forms_alike": """
    jaro_winkler_similarity(l.call_name, r.call_name) >= 0.88
    OR len(list_filter(l.given_forms, lambda x: len(list_filter(r.given_forms,
        lambda y: jaro_winkler_similarity(x, y) >= 0.92)) > 0)) > 0""",
    "first_name_misspelt": """
    coalesce(
        NOT (l.established AND r.established)
        -- of short names another first letter makes another name: ming and qing
        AND (least(length(l.call_name), length(r.call_name)) > 4 OR left(l.call_name, 1) = left(r.call_name, 1))
        AND (jaro_winkler_similarity(l.call_name, r.call_name) >= 0.8
            OR damerau_levenshtein(l.call_name, r.call_name) <= 1
            OR jaccard(l.call_name, r.call_name) >= 0.8), false)
    -- exchanged with a last name that then is not the other's too, as in a family where one is called lewis lewis
    OR coalesce(coalesce(jaro_winkler_similarity(l.last_name, r.last_name), 0) < 0.85 AND (
        jaro_winkler_similarity(l.swap_first, r.swap_last) >= 0.85 OR jaccard(l.swap_first, r.swap_last) >= 0.8
        OR jaro_winkler_similarity(l.swap_last, r.swap_first) >= 0.85 OR jaccard(l.swap_last, r.swap_first) >= 0.8),
        false)""",
    # two years or more, and another day: more than typing errors and exchanged parts explain
    "birth_dates_apart": """
    CASE WHEN l.date_of_birth = r.date_of_birth THEN false ELSE coalesce(
        abs(left(l.date_of_birth, 4)::INT - left(r.date_of_birth, 4)::INT) >= 2
        AND right(l.date_of_birth, 5) <> right(r.date_of_birth, 5)
        AND damerau_levenshtein(l.date_of_birth, r.date_of_birth) > 2, false) END""",
}
"""A condition may name those after it."""


def spelled_out(sql: str, conditions: Mapping[str, str] = CONDITIONS) -> str:
    """``sql`` with every condition in place of its name."""
    for name, condition in conditions.items():
        sql = sql.replace(f"{name}(l, r)", f"({condition})")
    return sql
