"""What a data team declares: the YAML of one company as typed, cross-checked objects.

Nothing here opens a database or a network connection, and nothing here imports another room of the house.
"""

from cdp_model.load import ModelError, check_corrections, check_meaning, check_overrides, load_model
from cdp_model.model import Model

__all__ = ["Model", "ModelError", "check_corrections", "check_meaning", "check_overrides", "load_model"]
