"""Where syncs send to: one file per kind of destination, one function that opens any of them."""

import datetime as dt
from collections.abc import Sequence

from cdp_model.syncs import DestinationSettings, WebhookDestination
from cdp_resources.destinations.base import Destination, DestinationMisconfigured
from cdp_resources.destinations.files import ChangeFiles
from cdp_resources.destinations.webhook import SignedWebhook


def destination_for(
    settings: DestinationSettings, sync_name: str, fields: Sequence[str] = (), as_of: dt.date | None = None
) -> Destination:
    """Open a declared destination for one sync.

    ``fields`` are the destination's fields in declared order, ``as_of`` the day of the values: files need both.
    Raises ``DestinationMisconfigured`` that names the variable or setting to mend.
    """
    try:
        if isinstance(settings, WebhookDestination):
            return SignedWebhook(settings, sync_name)
        return ChangeFiles(settings, sync_name, fields, as_of)
    except (ValueError, ImportError) as mistake:
        raise DestinationMisconfigured(str(mistake)) from mistake
