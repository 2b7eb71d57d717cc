"""What names and owners look like, wherever something declared has one."""

from typing import Annotated

from pydantic import StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""Lower case letters, digits and underscores: it becomes part of table names, asset keys and file names."""

OWNER = r"^(team:[a-z0-9_-]+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7})$"
Owner = Annotated[str, StringConstraints(pattern=OWNER)]
"""An e-mail address or `team:name`, as Dagster wants it."""
