"""``watchword serve``: the auth server of a watchword.toml."""

from __future__ import annotations

import asyncio
import logging

import click

from .commands import config_option, configured, examples
from .listening import listen, log_to_stderr, make_server

log = logging.getLogger("watchword.server")

_LOOPBACK = ("127.", "::1", "localhost")


@click.command(epilog=examples("watchword serve --config watchword.toml --port 8080"))
@config_option
@click.option("--host", metavar="ADDRESS", help="Where to listen; the configuration's, or 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help="The configuration's, or 8080; 0 is a free one."
)
def serve(config: str, host: str | None, port: int | None) -> None:
    """Run the auth server until it is stopped (Ctrl-C, SIGTERM)."""
    settings = configured(config)
    log_to_stderr()
    from ..server.app import create_app

    app = create_app(settings)
    asyncio.run(_try(app.state.server.ww))
    address = host or settings.server.host
    sockets = listen(address, settings.server.port if port is None else port)
    shown = f"http://{address}:{sockets[0].getsockname()[1]}"
    if settings.url.startswith("memory:"):
        log.warning("the store is memory: every user, session and key is gone when this stops")
    if not address.startswith(_LOOPBACK):
        log.warning("%s is open to the network without TLS; put a proxy that ends TLS before it", shown)
    server = make_server(
        app,
        proxies=settings.server.trusted_proxies,
        ready=lambda: log.info("serving %s on %s (Ctrl-C stops it)", settings.issuer, shown),
    )
    try:
        server.run(sockets)
    except KeyboardInterrupt:
        log.info("stopped")


async def _try(ww: object) -> None:
    """Open and close once: what cannot be opened is told in a line, before anything listens."""
    from ..app import Watchword

    assert isinstance(ww, Watchword)  # noqa: S101 - for mypy: its type is imported late
    async with ww:
        pass
