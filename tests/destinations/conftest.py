"""Failures inside the kit show their values."""

import pytest

pytest.register_assert_rewrite("tests.destinations.kit")
