"""``python -m infra.lifecycle``."""

import os
import sys

from infra.lifecycle.cli import main

sys.exit(main(sys.argv[1:], os.environ))
