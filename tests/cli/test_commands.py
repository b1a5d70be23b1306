"""How commands end: interrupted, with nobody who reads, or by a fault; and how their help reads."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
import typer
from rich.text import Text

from memnet.cli import _flush, app, commands, main
from memnet.cli.messages import command_line
from memnet.compare.report.table_model import Column
from memnet.compare.report.terminal import print_table
from memnet.scoring.plugins import Plugin

SCORE = ("score", "pictures", "-m", "resmem.published")


@pytest.fixture
def ended_by(monkeypatch, memnet_command):
    """Return a function that ends `memnet score` by an exception of its own."""

    def run(fault, check):
        def collect(*_, **__):
            raise fault

        monkeypatch.setattr("memnet.data.pictures.collect", collect)
        return memnet_command(*SCORE, check=check)

    return run


def test_ctrl_c_says_that_what_was_finished_is_kept(ended_by):
    done = ended_by(KeyboardInterrupt(), check=130)
    assert done.stderr == "memnet: interrupted; what was finished is kept.\n"


def test_a_reader_that_went_away_is_no_failed_picture(ended_by):
    assert ended_by(BrokenPipeError(), check=141).stderr == ""


def test_rich_s_own_exit_for_a_broken_pipe_is_no_failed_picture(memnet_command, monkeypatch):
    def pass_through(self):
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            raise SystemExit(1)  # noqa: B904  # as rich's Console.on_broken_pipe

    monkeypatch.setattr("rich.console.Console._write_buffer", pass_through)
    memnet_command("weights", "list", check=141)
    memnet_command("--help", check=141)


def test_a_full_disk_while_printing_is_no_fault_of_memnet(ended_by):
    done = ended_by(OSError(28, "No space left on device"), check=2)
    assert done.stderr == (
        "memnet: the output cannot be written (No space left on device); free some space and run "
        "it again.\n"
    )


def test_the_pipe_may_break_when_the_last_of_the_output_is_written(monkeypatch):
    class Gone:
        def flush(self):
            raise BrokenPipeError

        def fileno(self):
            raise OSError

    monkeypatch.setattr(sys, "stdout", Gone())
    assert _flush(0) == 141


def test_windows_calls_a_broken_pipe_an_invalid_argument(monkeypatch):
    monkeypatch.setattr(commands, "WINDOWS", True)
    assert commands.is_broken_pipe(OSError(22, "Invalid argument"))
    assert not commands.is_broken_pipe(OSError(22, "Invalid argument", "a:b?.csv"))
    assert not commands.is_broken_pipe(OSError(28, "No space left on device"))
    monkeypatch.setattr(commands, "WINDOWS", False)
    assert not commands.is_broken_pipe(OSError(22, "Invalid argument"))


def test_the_command_is_recorded_as_it_can_be_typed_again(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/x/memnet/__main__.py", "score", "pictures"])
    assert command_line() == "python -m memnet score pictures"
    monkeypatch.setattr(sys, "argv", ["/x/bin/memnet", "score", "pictures"])
    assert command_line() == "memnet score pictures"


def test_a_full_disk_behind_stdout_is_a_sentence(monkeypatch, capsys):
    class Full:
        def flush(self):
            raise OSError(28, "No space left on device")

        def fileno(self):
            raise OSError

    monkeypatch.setattr(sys, "stdout", Full())
    assert _flush(0) == 2
    assert "the output cannot be written (No space left on device)" in capsys.readouterr().err


def test_a_table_for_a_stdout_that_is_closed_is_refused_before_the_work(
    memnet_command, monkeypatch
):
    monkeypatch.setattr("memnet.util.messages.stdout_is_closed", lambda: True)
    done = memnet_command(*SCORE, check=2)
    assert done.stderr == (
        "memnet: stdout is closed, and the table would go there; give --out FILE.csv.\n"
    )


def test_no_folder_for_matplotlib_is_a_sentence(ended_by):
    fault = OSError("Matplotlib requires a folder; set the MPLCONFIGDIR environment variable")
    assert "MPLCONFIGDIR to a folder that can be written" in ended_by(fault, check=2).stderr


def test_a_working_folder_that_is_gone_is_said(monkeypatch, capsys):
    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", gone)
    monkeypatch.setattr(sys, "argv", ["memnet", "variants"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "no longer exists; go to another one" in capsys.readouterr().err


def test_a_fault_is_reported_though_a_name_on_the_command_line_is_not_utf_8(
    memnet_command, monkeypatch, tmp_path
):
    def collect(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("memnet.data.pictures.collect", collect)
    done = memnet_command("score", "caf\udce9.jpg", "-m", "resmem.published", check=3)
    assert "a fault of memnet's own (ZeroDivisionError: by zero)" in done.stderr
    report = Path(done.stderr.split("with the file ")[1].strip(" .\n"))
    assert "caf\\udce9.jpg" in report.read_text(encoding="utf-8")


def test_a_name_cannot_give_orders_to_the_terminal(memnet_command):
    done = memnet_command("score", "\x1bcno\nmemnet: 5 scored", "-m", "resmem.published", check=2)
    assert done.stderr == ("memnet: There is no file or folder \\x1bcno\\x0amemnet: 5 scored.\n")


def test_usage_is_still_said_by_the_parser(memnet_command):
    done = memnet_command("score", "pictures", check=2)
    assert "Missing option" in done.stderr
    assert "--model" in done.stderr
    assert "No such command" in memnet_command("scoer", check=2).stderr


def test_help_flows_and_names_numbers(memnet_command):
    text = memnet_command("score", "--help", COLUMNS="120").stdout
    assert "run the same command again after an interruption and it goes on." in text
    assert "range" not in text
    assert "<number> [x>=1]" in text
    examples = memnet_command("train", "--help", COLUMNS="120").stdout
    assert "--truth-column hit_rate \\ " in examples  # lines that were set as lines stay
    assert "--install-completion" in memnet_command("--help", COLUMNS="120").stdout


def test_no_help_is_read_as_markup():
    # Rich makes a tram of ":train:" and swallows what stands in brackets.
    def every(command, name):
        yield name, command
        for sub, inner in getattr(command, "commands", {}).items():
            yield from every(inner, f"{name} {sub}")

    commands = dict(every(typer.main.get_command(app), "memnet"))
    assert "memnet compare" in commands
    for name, command in commands.items():
        texts = [command.help, *(getattr(each, "help", None) for each in command.params)]
        for text in filter(None, texts):
            assert Text.from_markup(text).plain == text.replace("\b", ""), name


def test_what_is_printed_in_tables_gives_no_orders_to_the_terminal(
    memnet_command, monkeypatch, capsys
):
    foreign = Plugin("lab.v1", "lab", "[red]free", "a title\x1bc of others")
    monkeypatch.setattr("memnet.scoring.plugins.working_plugins", lambda: [foreign])
    printed = memnet_command("weights", "list").stdout
    assert "[red]free" in printed  # no markup either
    assert "a title\\x1bc of others" in printed
    print_table([Column("id")], [("a\x1bc.jpg",)])
    assert "a\\x1bc.jpg" in capsys.readouterr().out


def test_a_terminal_that_has_not_every_letter_ends_no_command(monkeypatch):
    class Terminal(io.TextIOWrapper):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "argv", ["memnet", "--version"])
    monkeypatch.setattr(sys, "stdout", Terminal(io.BytesIO(), encoding="ascii"))
    with pytest.raises(SystemExit):
        main()
    print("\u4e2d.jpg", flush=True)
    assert sys.stdout.buffer.getvalue().endswith(b"\\u4e2d.jpg\n")


def test_an_option_of_one_value_given_twice_is_refused(memnet_command):
    done = memnet_command("power", "--rho", 0.3, "--width", 0.1, "--rho", 0.6, check=2)
    assert done.stderr == (
        "memnet: --rho is given 2 times, and takes one value; run the command once for each.\n"
    )
    done = memnet_command(
        *("compare", "--truth", "t.csv", "--out", "o", "--truth-column", "a"),
        *("--scores", "a.csv", "b.csv", "--scores", "c.csv", "--truth-column", "b"),
        check=2,
    )
    assert "--truth-column is given 2 times" in done.stderr
