"""``python -m caviar.cli``: the command line where the script is not on the PATH."""

import sys

from caviar.cli import main

sys.exit(main())
