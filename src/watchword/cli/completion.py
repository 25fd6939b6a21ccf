"""``watchword completion``: what makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .commands import CommandError, examples

_VARIABLE = "_WATCHWORD_COMPLETE"


@click.command(
    epilog=examples(
        "watchword completion bash > ~/.local/share/bash-completion/completions/watchword",
        "watchword completion zsh > ~/.zfunc/_watchword",
        "watchword completion fish > ~/.config/fish/completions/watchword.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete watchword's commands and options.

    bash 4.4 or newer. For zsh, the folder has to be in fpath before compinit runs.
    """
    made = get_completion_class(shell)
    if made is None:
        raise CommandError(f"there is no completion for {shell}")
    click.echo(made(context.find_root().command, {}, "watchword", _VARIABLE).source())
