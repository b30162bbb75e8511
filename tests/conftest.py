"""For all tests: properties are checked on a busy machine as on a quiet one, and workers side by side share no file."""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["MEM0_DIR"] = str(Path(tempfile.gettempdir()) / f"mem0-{worker}")
