"""``python -m infra.reembed``."""

import os
import sys

from infra.reembed.cli import main

sys.exit(main(sys.argv[1:], os.environ))
