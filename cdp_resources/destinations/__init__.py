"""Where syncs send to: one file for each kind of destination. Importing this package makes every kind known."""

import datetime as dt
import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from cdp_model.syncs import DestinationSettings
from cdp_resources.destinations.base import Connection, Destination, DestinationMisconfigured

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def connect(
    settings: DestinationSettings,
    sync: str,
    types: Mapping[str, str] = MappingProxyType({}),
    as_of: dt.date | None = None,
) -> Connection:
    """Open a declared destination for one sync.

    ``types`` are the fields in declared order with their SQL types, ``as_of`` the day of the values: files need both.
    Raises ``DestinationMisconfigured`` that names the variable or setting to mend.
    """
    assert isinstance(settings, Destination)
    try:
        return settings.connect(sync, types, as_of)
    except (ValueError, ImportError) as mistake:
        raise DestinationMisconfigured(str(mistake)) from mistake
