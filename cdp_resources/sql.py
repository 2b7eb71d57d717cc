"""Names and texts in SQL statements."""


def quote(identifier: str) -> str:
    """Quote one SQL identifier. The only way a name from configuration gets into a statement."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote one SQL string, for the statements (ATTACH, CREATE SECRET, COMMENT) that take no parameters."""
    return "'" + value.replace("'", "''") + "'"
