"""``watchword users``: who may sign in. Passwords come from a prompt or from standard input, never from argv."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..app import Watchword
from ..crypto.passwords import check_new_password
from ..encoding import rfc3339
from .commands import CommandError, config_option, configured, examples, json_option, say_json

if TYPE_CHECKING:
    from ..server.accounts.accounts import Account, Accounts

T = TypeVar("T")

_EXAMPLE = "watchword users add alice --scope orders:read"


@click.group(epilog=examples(_EXAMPLE))
def users() -> None:
    """Add users, take them out, give them new passwords."""


@users.command(epilog=examples(_EXAMPLE))
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", help="What the user's tokens may do; may be repeated."
)
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role of the user; may be repeated.")
@config_option
@json_option
def add(name: str, scopes: tuple[str, ...], roles: tuple[str, ...], config: str, as_json: bool) -> None:
    """Add user NAME, whose password is asked for (or the first line of standard input)."""
    open_accounts = _opener(config)
    password = _new_password()
    account = open_accounts(lambda accounts: accounts.add(name, password, roles=roles, scopes=scopes))
    _tell(account, f"added {account.name}", as_json)


@users.command("roles", epilog=examples("watchword users roles alice --role clerk --role auditor"))
@click.argument("name")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="May be repeated; without it, NAME has no roles.")
@config_option
@json_option
def roles_(name: str, roles: tuple[str, ...], config: str, as_json: bool) -> None:
    """Give NAME these roles and no others; sessions follow, and access tokens from before are dead at once."""
    account = _opener(config)(lambda accounts: accounts.set_roles(name, roles))
    _tell(
        account,
        f"{account.name} now has {'the roles ' + ' '.join(account.roles) if account.roles else 'no roles'}",
        as_json,
    )


@users.command(epilog=examples("watchword users disable alice"))
@click.argument("name")
@config_option
@json_option
def disable(name: str, config: str, as_json: bool) -> None:
    """Let NAME sign in no more; every session and token of NAME is dead at once."""
    account = _opener(config)(lambda accounts: accounts.disable(name))
    _tell(account, f"disabled {account.name}; all sessions and tokens are revoked", as_json)


@users.command(epilog=examples("watchword users enable alice"))
@click.argument("name")
@config_option
@json_option
def enable(name: str, config: str, as_json: bool) -> None:
    """Let NAME sign in again."""
    account = _opener(config)(lambda accounts: accounts.enable(name))
    _tell(account, f"enabled {account.name}", as_json)


@users.command(epilog=examples("watchword users passwd alice < new-password.txt"))
@click.argument("name")
@config_option
@json_option
def passwd(name: str, config: str, as_json: bool) -> None:
    """Give NAME a new password; every session and token of NAME is dead at once, and API keys live on."""
    open_accounts = _opener(config)
    password = _new_password()
    account = open_accounts(lambda accounts: accounts.set_password(name, password))
    _tell(account, f"new password for {account.name}; all sessions and tokens are revoked", as_json)


@users.command("list", epilog=examples("watchword users list --json"))
@config_option
@json_option
def list_(config: str, as_json: bool) -> None:
    """Show all users, oldest first."""
    accounts = _opener(config)(lambda accounts: accounts.list())
    if as_json:
        say_json([_shown(account) for account in accounts])
        return
    for account in accounts:
        state = "disabled" if account.disabled else "active"
        held = " ".join([*account.scopes, *(f"role:{role}" for role in account.roles)]) or "-"
        click.echo(f"{account.name}\t{state}\t{rfc3339(account.created_at)}\t{held}")


def _opener(config: str) -> Callable[[Callable[[Accounts], Awaitable[T]]], T]:
    """Read the configuration now, before anybody types a password for nothing; open the store later."""
    settings = configured(config)
    if settings.url.startswith("memory:"):
        raise CommandError(
            "the store is memory: it would forget its users when this command ends",
            f'write url = "sqlite:///watchword.db" in {config}',
        )

    async def run(job: Callable[[Accounts], Awaitable[T]]) -> T:
        from ..server.accounts.accounts import Accounts
        from ..server.accounts.password_pool import PasswordPool

        passwords = PasswordPool(1)
        try:
            async with Watchword.from_settings(settings) as ww:
                return await job(Accounts(ww, passwords))
        finally:
            passwords.close()

    return lambda job: asyncio.run(run(job))


def _new_password() -> str:
    """Asked for twice at a terminal; elsewhere the first line of standard input."""
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        password = sys.stdin.readline().removesuffix("\n")
        if not password:
            raise CommandError("there is no password on standard input", "pipe it in as one line, or use a terminal")
    check_new_password(password)
    return password


def _tell(account: Account, words: str, as_json: bool) -> None:
    if as_json:
        say_json(_shown(account))
    else:
        click.echo(words)


def _shown(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "subject": account.subject,
        "disabled": account.disabled,
        "scopes": list(account.scopes),
        "roles": list(account.roles),
        "created_at": account.created_at,
    }
