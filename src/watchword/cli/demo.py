"""``watchword demo``: a server to try things on, or a walk through everything it does. Ctrl-C deletes it all."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import click

from .commands import examples, json_option, plain, say_json
from .ephemeral import Ephemeral, ephemeral, tampered
from .listening import listen, log_to_stderr, make_server, serving

GOOD_FOR_MINUTES = 15


@click.command(epilog=examples("watchword demo", "watchword demo --tour"))
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help="Listen here; 8765 if it is free, else any."
)
@click.option("--tour", "with_tour", is_flag=True, help="Walk through every flow over HTTP, say what held, and end.")
@json_option
def demo(port: int | None, with_tour: bool, as_json: bool) -> None:
    """Serve from a temporary directory, with a user and fresh keys, until Ctrl-C deletes everything."""
    log_to_stderr(logging.ERROR if with_tour else logging.WARNING)  # the tour refuses on purpose, again and again
    sockets = listen("localhost", port) if port is not None else None
    try:
        with ephemeral(sockets) as house:
            if with_tour:
                raise SystemExit(_walk(house, as_json))
            ready = lambda: _show(house, as_json)  # noqa: E731 - a call without arguments, made where it is used
            make_server(house.app, ready=ready).run(house.sockets)
    except KeyboardInterrupt:
        if with_tour:
            raise
    if not as_json:
        with suppress(OSError):  # the terminal itself may be gone
            click.echo("\nStopped; everything is deleted.")


def _walk(house: Ephemeral, as_json: bool) -> int:
    from .tour import run

    with serving(house.app, house.sockets):
        return 0 if run(house, as_json=as_json) else 1


def _show(house: Ephemeral, as_json: bool) -> None:
    """The one panel, once the server answers."""
    ww = house.app.state.server.ww
    token = ww.access.issue(house.user, scopes=["orders:read"], client_id="first-party").token
    facts = {
        "url": house.base,
        "user": house.user,
        "passphrase": house.passphrase,
        "works": f'curl -i -H "Authorization: Bearer {token}" {house.base}/api/me',
        "refused": f'curl -i -H "Authorization: Bearer {tampered(token)}" {house.base}/api/me',
        "client": house.client,
        "client_secret": house.client_secret,
    }
    if as_json:
        say_json(facts)
    elif plain():
        click.echo(_text(facts))
    else:
        _print_panel(facts)


def _text(facts: dict[str, str]) -> str:
    return "\n".join(
        (
            f"watchword demo: {facts['url']}",
            "",
            f"Sign in as {facts['user']} with the passphrase {facts['passphrase']}",
            "",
            f"This works (a real access token, good for {GOOD_FOR_MINUTES} minutes):",
            facts["works"],
            "",
            "This must fail (one character of the token is changed):",
            facts["refused"],
            "",
            f"To introspect: client {facts['client']}, secret {facts['client_secret']}",
            "Ctrl-C deletes everything.",
        )
    )


def _print_panel(facts: dict[str, str]) -> None:
    """Rules above and below and no box at the sides: a line that can be copied has nothing beside it."""
    from rich.console import Console

    console = Console()

    def line(text: str = "", style: Any = None) -> None:
        console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)

    console.rule("[bold]watchword demo[/]", style="green")
    line(facts["url"], "bold underline cyan")
    line()
    console.print(
        f"Sign in as [bold]{facts['user']}[/] with the passphrase [bold]{facts['passphrase']}[/]", highlight=False
    )
    line()
    line(f"This works (a real access token, good for {GOOD_FOR_MINUTES} minutes):", "green")
    line(facts["works"])
    line()
    line("This must fail (one character of the token is changed):", "red")
    line(facts["refused"])
    line()
    line(f"To introspect: client {facts['client']}, secret {facts['client_secret']}", "dim")
    console.rule("Ctrl-C deletes everything", style="green")
