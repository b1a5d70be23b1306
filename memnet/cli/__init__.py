"""The ``memnet`` command: one file per subcommand, heavy imports only inside them."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import shlex
import sys
import tempfile
import traceback

import typer

from memnet import __version__
from memnet.cli import (
    bench,
    benchmark,
    cache,
    clips,
    compare,
    dataset,
    demo,
    describe,
    diagnose,
    freeze,
    inspect,
    merge,
    migrate,
    power,
    report,
    responses,
    score,
    select,
    sensitivity,
    serve,
    table1,
    train,
    tune,
    variants,
    verify_legacy,
    weights,
)
from memnet.cli.commands import BROKEN_PIPE, App, Commands, is_broken_pipe
from memnet.errors import MemnetError, StoppedError
from memnet.util.messages import open_closed_streams, say

app = App(
    name="memnet",
    cls=Commands,
    help="How memorable are pictures? Score and compare MemNet, ResMem and others.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done; 1 some pictures or rows failed and are listed; 2 usage; 3 a fault of "
        "memnet's own."
    ),
)
app.command("demo")(demo.demo)
app.command("score")(score.score)
app.command("describe")(describe.describe)
app.command("merge")(merge.merge)
app.command("compare", cls=compare.ManyValues)(compare.compare)
app.command("benchmark")(benchmark.benchmark)
app.command("freeze", cls=compare.ManyValues)(freeze.freeze)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.command("table1")(table1.table1)
app.command("report")(report.report)
app.command("verify-legacy")(verify_legacy.verify_legacy)
app.command("variants")(variants.variants)
app.command("sensitivity")(sensitivity.sensitivity)
app.command("diagnose")(diagnose.diagnose)
app.command("migrate")(migrate.migrate)
app.command("clips")(clips.clips)
app.command("responses")(responses.responses)
app.command("select")(select.select)
app.command("power")(power.power)
app.command("bench")(bench.bench)
app.command("serve")(serve.serve)
app.add_typer(dataset.app, name="dataset")
app.add_typer(weights.app, name="weights")
app.add_typer(cache.app, name="cache")
app.add_typer(inspect.app, name="inspect")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"memnet {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    offline: bool = typer.Option(
        False, "--offline", help="Never use the network (as MEMNET_OFFLINE=1)."
    ),
    no_cache: bool = typer.Option(
        False, "--no-cache", help="Compute every score anew, and keep none (as MEMNET_NO_CACHE=1)."
    ),
) -> None:
    if debug:
        os.environ["MEMNET_DEBUG"] = "1"
    if offline:
        os.environ["MEMNET_OFFLINE"] = "1"
    if no_cache:
        os.environ["MEMNET_NO_CACHE"] = "1"


def main() -> None:
    """Run the command line: an error is one sentence on stderr and exit code 2."""
    sys.exit(_flush(_run()))


def _run() -> int:
    open_closed_streams()
    # Python looks for unreachable rings of objects every few hundred new ones: while torch is
    # imported, nearly all of which stays, that takes a tenth of the time.
    gc.set_threshold(100_000)
    os.environ["MPLBACKEND"] = "Agg"  # a notebook's own is unknown to a command that draws files
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():  # it may not have every letter of a name
            sys.stdout.reconfigure(errors="backslashreplace")
        else:  # a file or a pipe, in which Windows would write cp1252 and CRLF
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    try:
        os.getcwd()
    except OSError:  # MKL would end the process, with words about a file of torch's
        say("the folder that you are in no longer exists; go to another one.")
        return 2
    try:
        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except StoppedError as error:
        say(str(error))
        return 130
    except MemnetError as error:
        if os.environ.get("MEMNET_DEBUG"):
            traceback.print_exc()
        say(str(error))
        return 2
    except KeyboardInterrupt:  # before or after the command itself
        return 130
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            return _no_room(error)  # printing to a file on a full disk
        if isinstance(error, OSError) and "MPLCONFIGDIR" in str(error):  # as matplotlib is imported
            say(
                "matplotlib, which draws the figures, can write neither into the home folder nor "
                "into one for temporary files; set the environment variable MPLCONFIGDIR to a "
                "folder that can be written."
            )
            return 2
        say(_report(error))  # the last resort: whatever nobody expected
        return 3
    return 0


def _flush(code: int) -> int:
    """Write what stdout still holds; return the exit code, another if that cannot be done."""
    try:
        sys.stdout.flush()
    except OSError as error:  # `memnet score ... | head`, or a full disk
        code = BROKEN_PIPE if is_broken_pipe(error) else code or _no_room(error)
    else:
        return code
    with contextlib.suppress(OSError, ValueError):  # else Python tries again, and says so
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _no_room(error: OSError) -> int:
    say(f"the output cannot be written ({error.strerror}); free some space and run it again.")
    return 2


def _report(error: Exception) -> str:
    """Put the traceback of an unexpected error into a file; say in a sentence where it is."""
    if os.environ.get("MEMNET_DEBUG"):
        traceback.print_exc()
    reason = _reason(error)
    sentence = (
        f"a fault of memnet's own ({type(error).__name__}{': ' if reason else ''}{reason}); what "
        "was finished is kept."
    )
    try:
        handle, path = tempfile.mkstemp(prefix="memnet-traceback-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"memnet {__version__}, Python {sys.version}, {sys.platform}\n")
            file.write(f"{shlex.join(sys.argv)}\n\n{traceback.format_exc()}")
    except Exception:  # no folder for temporary files, a full disk, a message that raises
        return f"{sentence} Please report what `memnet --debug ...` prints."
    return f"{sentence} Please report it, with the file {path}."


def _reason(error: Exception) -> str:
    try:
        return " ".join(str(error).split())[:200]
    except Exception:  # of others; the last resort has none behind it
        return ""
