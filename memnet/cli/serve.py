"""``memnet serve``: a page and an API on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from memnet.cli.browser import open_address
from memnet.cli.options import BATCH_SIZE, DEVICE, MODELS_OR_RESMEM, Precision

KEY_VARIABLE = "MEMNET_API_KEY"


def serve(
    model: list[str] = MODELS_OR_RESMEM,
    host: str = typer.Option(
        "127.0.0.1",
        help="Where to listen; another than this machine's own (127.0.0.1) needs a key or "
        "--allow-anyone.",
    ),
    port: int = typer.Option(8400, min=0, max=65_535, help="0: any that is free."),
    api_key_file: Path | None = typer.Option(
        None,
        dir_okay=False,
        help=f"File with the key that requests must bring; or the variable {KEY_VARIABLE}.",
    ),
    allow_anyone: bool = typer.Option(
        False, "--allow-anyone", help="Let whoever reaches --host use it, without a key."
    ),
    allow_host: list[str] = typer.Option(
        [], metavar="NAME", help="A name by which the server may be called; repeat for several."
    ),
    device: str = DEVICE,
    batch_size: int = BATCH_SIZE,
    precision: Precision = typer.Option(Precision.exact, help="As for `memnet score`."),
    demo: bool = typer.Option(False, "--demo", help="Begin with the bundled pictures."),
    open_page: bool = typer.Option(False, "--open", help="Open the page in the browser."),
) -> None:
    """Serve a page and an API: drop pictures, see how memorable they are.

    Pictures stay on this machine and are not stored. Ctrl-C ends it, once what was accepted is
    answered.
    """
    from memnet.errors import MemnetError

    try:
        from memnet.web.addresses import check_key, check_name, is_loopback
        from memnet.web.server import run
        from memnet.web.settings import Settings
    except ModuleNotFoundError as error:
        raise MemnetError(
            f"memnet serve needs the extra `web` ({error.name} is missing): pip install "
            '"memnet-harness[web]".'
        ) from error
    key = check_key(_read_key(api_key_file))
    if not (is_loopback(host) or key or allow_anyone):
        raise MemnetError(
            f"With --host {host}, other machines reach the server. Give them a key "
            f"(--api-key-file FILE, or {KEY_VARIABLE}), or say --allow-anyone."
        )
    settings = Settings(
        models=tuple(model),
        host=host,
        port=port,
        device=device,
        precision=precision.value,
        batch_size=batch_size,
        key=key,
        names=tuple(map(check_name, allow_host)),
        demo=demo,
    )
    run(settings, open_address if open_page else lambda address: None)


def _read_key(file: Path | None) -> str:
    """Return the key, "" for none; of a file, its only line."""
    from memnet.errors import MemnetError

    if file is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MemnetError(f"The key in {file} cannot be read ({error}).") from error
    if not key:
        raise MemnetError(f"{file} is empty; it must hold the key.")
    return key
