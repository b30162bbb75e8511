"""``python -m infra.usage``."""

import sys

from infra.operators import exit_code
from infra.usage.cli import main

sys.exit(exit_code(main))
