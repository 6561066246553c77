"""The command line. It talks to the API only, and `caviar --help` imports click and nothing heavier."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 done, 1 the study or the service failed, 2 the input is wrong, 130 interrupted.
    """
    # Collections while modules load find nothing and cost a fifth of the start.
    gc.set_threshold(50_000)
    import click

    from caviar.cli.app import app
    from caviar.errors import CaviarError, InputError

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # An old terminal's encoding must not end a study.
            stream.reconfigure(errors="replace")
    try:
        code = app.main(
            None if arguments is None else list(arguments),
            prog_name="caviar",
            standalone_mode=False,
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) went away: nothing more to say, also not while Python shuts down.
        sys.stdout = None
        return 1
    except InputError as error:
        click.echo(str(error), err=True)
        return 2
    except CaviarError as error:
        click.echo(str(error), err=True)
        return 1
    return code if isinstance(code, int) else 0
