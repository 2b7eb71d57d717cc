"""Which versions of a record its values come from: the latest, or for `merge: fill` each value's latest.

Pure query building over the temporary table ``versions``: no Dagster, no connection.
"""

from cdp_assets.standardized.candidates import CUSTOMER_FIELDS
from cdp_model.sources import CustomerMapping
from cdp_resources.sql import literal


def with_deletion(mapping: CustomerMapping) -> str:
    """SELECT of all versions, each with the one that deleted its record last."""
    deletion = f"coalesce(max(version) FILTER (deleted) OVER (PARTITION BY record_key), {-(1 << 126)})"
    return f"SELECT *, {deletion if mapping.deleted else 'NULL'} AS deleted_with FROM versions"


def kept(mapping: CustomerMapping) -> str:
    """SELECT of the versions that a value comes from: the latest, and for ``fill`` each value's latest."""
    parts = ["SELECT max(version) AS version FROM versions GROUP BY record_key"]
    if mapping.merge == "fill":
        declared = [field for field in CUSTOMER_FIELDS if getattr(mapping, field)]
        filled = [f"{field} IS NOT NULL" for field in declared]
        filled += [f"attributes ->> {literal(name)} IS NOT NULL" for name in mapping.attributes]
        filled += ["deleted"] if mapping.deleted else []
        each = ", ".join(f"max(version) FILTER ({condition})" for condition in filled)
        if filled:
            parts.append(f"SELECT unnest([{each}]) FROM versions GROUP BY record_key")
        parts += [
            f"SELECT max(version) FROM versions GROUP BY record_key, identifiers[{literal(kind)}]"
            for kind in mapping.identifiers
        ]
    return " UNION ".join(parts)


def latest(mapping: CustomerMapping, value: str) -> str:
    """A value of the latest version, or for ``fill`` the latest value."""
    if mapping.merge == "replace":
        return f"arg_max_null({value}, version)"
    return f"max_by({value}, version) FILTER ({_since_deletion(mapping)})"


def _since_deletion(mapping: CustomerMapping) -> str:
    """What was known of a record before its deletion does not come back with it."""
    return "version > deleted_with" if mapping.deleted else "true"


def attributes(mapping: CustomerMapping) -> str:
    if mapping.merge == "replace" or not mapping.attributes:
        return "arg_max_null(attributes, version)"
    values = {name: f"nullif(attributes -> {literal(name)}, 'null'::JSON)" for name in mapping.attributes}
    return f"json_object({', '.join(f'{literal(k)}, {latest(mapping, v)}' for k, v in values.items())})"


def identifier_lists(mapping: CustomerMapping) -> str:
    """Each declared identifier with its values: the latest one, or all that were ever seen for ``fill``."""
    parts = []
    for kind in mapping.identifiers:
        value = f"identifiers[{literal(kind)}]"
        if mapping.merge == "fill":
            known = f"FILTER ({value} IS NOT NULL AND {_since_deletion(mapping)})"
            parts.append(f"{literal(kind)}: coalesce(list(DISTINCT {value} ORDER BY {value}) {known}, [])")
        else:
            parts.append(f"{literal(kind)}: list_filter([arg_max_null({value}, version)], lambda x: x IS NOT NULL)")
    return "MAP {" + ", ".join(parts) + "}" if parts else "MAP([]::VARCHAR[], []::VARCHAR[][])"
