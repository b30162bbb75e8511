"""A platform with its management API, at `NOW`, and a person on it."""

import pytest

from tests.support.builders import NOW
from tests.support.management.api import Management


@pytest.fixture
def platform() -> Management:
    platform = Management()
    platform.clock.time = NOW
    return platform


@pytest.fixture
def user(platform: Management) -> str:
    return platform.platform.new_user()
