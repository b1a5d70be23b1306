"""How typer's commands are made to fit: their help, and what ends them."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from typer.core import TyperGroup

from memnet.errors import MemnetError, StoppedError
from memnet.util.paths import WINDOWS

BROKEN_PIPE = 141
"""Exit code where the reader of stdout went away: that of a shell's own commands."""


def is_broken_pipe(error: BaseException | None) -> bool:
    """Whether the reader of stdout went away; Windows calls it an invalid argument."""
    return isinstance(error, BrokenPipeError) or (
        WINDOWS
        and isinstance(error, OSError)
        and error.errno == errno.EINVAL
        and error.filename is None
    )


class Commands(TyperGroup):
    """A group of commands.

    Typer would end a command at Ctrl-C without a word, and with exit code 1 where the reader of
    stdout goes away, which means here that some pictures failed.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command line; it may print help."""
        with _end_in_words():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _end_in_words():
            return super().invoke(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Look a command up, with the help as it should be read."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            make_readable(command)
            _refuse_repeats(command)
        return command


@contextlib.contextmanager
def _end_in_words() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError("interrupted; what was finished is kept.") from None
    except OSError as error:
        if is_broken_pipe(error):
            raise SystemExit(BROKEN_PIPE) from None
        raise
    except SystemExit as stop:  # rich makes of it an exit of its own
        if is_broken_pipe(stop.__context__):
            raise SystemExit(BROKEN_PIPE) from None
        raise


def _refuse_repeats(command: Any) -> None:
    """Refuse an option given twice that takes one value; the last would be taken silently."""
    parse = command.parse_args
    if isinstance(command, TyperGroup) or "parse_args" in vars(command):  # done before
        return

    def parse_args(ctx: Any, args: list[str]) -> Any:
        _, _, given = command.make_parser(ctx).parse_args(args=list(args))
        for option in given:
            once = option.param_type_name == "option" and not (option.multiple or option.is_flag)
            if once and given.count(option) > 1:
                raise MemnetError(
                    f"{option.opts[0]} is given {given.count(option)} times, and takes one value; "
                    "run the command once for each."
                )
        return parse(ctx, args)

    command.parse_args = parse_args


def make_readable(command: Any) -> None:
    r"""Let a command's help flow, and name the numbers it takes.

    Typer keeps the line breaks of a docstring, and calls a number with bounds ``<int range>``. A
    paragraph that begins with ``\b`` keeps its lines.
    """
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(
        text if text.startswith("\b") else " ".join(text.split()) for text in paragraphs
    )
    for option in command.params:
        holders = (option, getattr(option, "type", None))  # of typer's versions
        bounds = [getattr(holder, name, None) for holder in holders for name in ("min", "max")]
        if option.metavar is None and any(bound is not None for bound in bounds):
            option.metavar = "<number>"
