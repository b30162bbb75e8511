"""``python -m infra.dead_letters``."""

import sys

from infra.dead_letters.cli import main

sys.exit(main(sys.argv[1:]))
