"""``watchword completion``: what makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .commands import CommandError, examples

_VARIABLE = "_WATCHWORD_COMPLETE"
_ZSH = '_watchword_completion "$@"'
_MENDED = {
    # a file in fpath becomes the function: without this its second call completes nothing
    "zsh": (
        '    _watchword_completion "$@"',
        '    compdef _watchword_completion watchword\n    _watchword_completion "$@"',
    ),
    # what a command is for may have commas in it
    "fish": ('string split "," $completion', 'string split -m 1 "," $completion'),
}
"""Shell -> what click writes, and what is written instead."""


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
    script = made(context.find_root().command, {}, "watchword", _VARIABLE).source()
    click.echo(script.replace(*_MENDED[shell]) if shell in _MENDED else script)
