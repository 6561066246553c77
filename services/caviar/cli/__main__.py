"""`python -m caviar.cli`, for processes that start others of the same installation."""

import sys

from caviar.cli import main

sys.exit(main())
