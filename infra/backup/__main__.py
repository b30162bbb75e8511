"""``python -m infra.backup``."""

import os
import sys

from infra.backup.cli import main

sys.exit(main(sys.argv[1:], os.environ))
