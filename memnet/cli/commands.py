"""How typer's commands are made to fit: their help, and what ends them."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

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

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the group's own flags wherever they stand: ``memnet score --no-cache`` is plain."""
        own = {name for flag in self.params if _is_plain_flag(flag) for name in flag.opts}
        end = args.index("--") if "--" in args else len(args)
        flags = [word for word in args[:end] if word in own]
        others = [word for word in args[:end] if word not in own]
        return super().parse_args(ctx, [*flags, *others, *args[end:]])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Look a command up, with the help as it should be read."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            make_readable(command)
        return command


class OneValue(TyperCommand):
    """A command that refuses an option given twice if it takes one value.

    The last would be taken silently.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options, each of which is there as often as it was given."""
        given: list[Any] = self.make_parser(ctx).parse_args(args=list(args))[2]
        for option in given:
            once = option.param_type_name == "option" and not (option.multiple or option.is_flag)
            if once and given.count(option) > 1:
                raise MemnetError(
                    f"{option.opts[0]} is given {given.count(option)} times, and takes one value; "
                    "run the command once for each."
                )
        return super().parse_args(ctx, args)


class App(typer.Typer):
    """Typer's commands, each of them :class:`OneValue` unless another class is named."""

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = OneValue, **settings: Any
    ) -> Callable[[Any], Any]:
        """Return a decorator that makes a command of a function."""
        return super().command(name, cls=cls, **settings)


def _is_plain_flag(option: Any) -> bool:
    return getattr(option, "is_flag", False) and not option.is_eager


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
