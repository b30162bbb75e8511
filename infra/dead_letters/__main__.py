"""``python -m infra.dead_letters``."""

import sys

from infra.dead_letters.cli import main
from infra.operators import exit_code

sys.exit(exit_code(main))
