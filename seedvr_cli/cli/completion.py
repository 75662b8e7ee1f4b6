"""`seedvr completion`: the scripts in `completions/`, and the answers to the questions that they ask at each TAB.

A script calls `seedvr` with the words so far in `_SEEDVR_WORDS`. The first line of the answer is `files` where paths of
this machine belong and `words` otherwise, and each line after it is a word, a tab, and what it means. Typer's own
scripts are not used: zsh evaluates what they print, the descriptions load Rich, and a `--flag=value` stays alone.
"""

import os
from typing import Annotated, Any

import typer

# Typer brings Click inside and exports nothing of its completion; pyproject.toml bounds the version.
from typer._click.core import Parameter
from typer._click.shell_completion import (
    CompletionItem,
    ShellComplete,
    _resolve_context,
    _resolve_incomplete,
    add_completion_class,
)

# Between two words of a question: no shell and no file name has it.
SEPARATOR = "\x1f"
# What options and arguments that take a path say in their help.
PATHS = ("PATH", "SOURCE", "[REQUEST_ID|FOLDER]")
# Jobs that `status` and `download` offer.
LATEST = 50

BASH = r"""
# bash completion for seedvr

_seedvr() {
    local IFS=$'\x1f' line word
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            files) ;;
            words) compopt +o default 2>/dev/null ;;
            *) printf -v word %q "${line%%$'\t'*}" && COMPREPLY+=("$word") ;;
        esac
    done < <(_SEEDVR_WORDS="${COMP_WORDS[*]:0:COMP_CWORD+1}" _SEEDVR_COMPLETE=complete_bash \
        "${1/#\~\//$HOME/}" 2>/dev/null)
}

complete -o default -F _seedvr seedvr
"""

ZSH = r"""
#compdef seedvr
# zsh completion for seedvr

_seedvr() {
    local line word meaning
    local -a lines described
    lines=("${(@f)$(_SEEDVR_WORDS="${(pj:\x1f:)${(@Q)words[1,CURRENT]}}" _SEEDVR_COMPLETE=complete_zsh \
        ${~words[1]} 2>/dev/null)}")
    [[ $PREFIX == --*=* ]] && compset -P '*='
    for line in "${(@)lines[2,-1]}"; do
        word=${line%%$'\t'*} meaning=${line#*$'\t'}
        described+=("${word//:/\\:}${meaning:+:$meaning}")
    done
    (( $#described )) && _describe -V seedvr described
    [[ $lines[1] == files ]] && _files
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _seedvr "$@"
else
    compdef _seedvr seedvr
fi
"""

FISH = r"""
# fish completion for seedvr

function __seedvr_complete
    set -l token (commandline -ct)
    set -l words (commandline -opc)
    set -l flag (string match -r -- '^--[^=]+=' "$token")
    set -lx _SEEDVR_WORDS (string join \x1f -- $words "$token")
    set -lx _SEEDVR_COMPLETE complete_fish
    for line in (seedvr 2>/dev/null)
        switch $line
            case words
            case files
                __fish_complete_path (string replace -- "$flag" '' "$token") | string replace -r -- '^' "$flag"
            case '*'
                printf '%s%s\n' "$flag" $line
        end
    end
end

complete --command seedvr --no-files --keep-order --arguments '(__seedvr_complete)'
"""

POWERSHELL = r"""
# PowerShell completion for seedvr

Register-ArgumentCompleter -Native -CommandName seedvr -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $env:_SEEDVR_WORDS = ($before + $wordToComplete) -join [char]0x1f
    $env:_SEEDVR_COMPLETE = 'complete_powershell'
    seedvr 2>$null | Select-Object -Skip 1 | ForEach-Object {
        $word, $meaning = $_ -split "`t", 2
        if (-not $meaning) { $meaning = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $meaning)
    }
    Remove-Item Env:_SEEDVR_WORDS, Env:_SEEDVR_COMPLETE
}
"""

# Each shell's script, and the name under which that shell looks for it.
SCRIPTS = {
    "bash": ("seedvr.bash", BASH),
    "zsh": ("_seedvr", ZSH),
    "fish": ("seedvr.fish", FISH),
    "powershell": ("seedvr.ps1", POWERSHELL),
}


def completion(
    shell: Annotated[
        str,
        typer.Argument(metavar="|".join(SCRIPTS), help="The shell.", autocompletion=lambda: list(SCRIPTS)),
    ],
) -> None:
    """Print the completion script of a shell."""
    from seedvr_cli.render.results import write_line
    from seedvr_cli.values.errors import UsageError

    if shell not in SCRIPTS:
        raise UsageError(f"completion: {shell!r} is not one of {', '.join(SCRIPTS)}")
    write_line(script(shell))


def script(shell: str) -> str:
    """The script's text, without a last newline."""
    return SCRIPTS[shell][1].strip()


class Answer(ShellComplete):
    """The answer to a script's question."""

    def source_vars(self) -> dict[str, Any]:
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        *args, incomplete = os.environ.get("_SEEDVR_WORDS", "").split(SEPARATOR)
        if args and args[-1] == "=":  # bash takes `--flag=value` for three words
            args.pop()
        return args[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.value}\t{item.help or ''}"

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        context = _resolve_context(self.cli, self.ctx_args, self.prog_name, args)
        target, incomplete = _resolve_incomplete(context, args, incomplete)
        takes_path = isinstance(target, Parameter) and (target.metavar or "").startswith(PATHS)
        items = target.shell_complete(context, incomplete)
        for item in items:
            if command := getattr(target, "commands", {}).get(item.value):
                item.help = command.get_short_help_str(limit=80)  # Typer cuts at 45
        words = map(self.format_completion, items)
        return "\n".join(["files" if takes_path else "words", *words])


for _shell in SCRIPTS:
    add_completion_class(Answer, _shell)


# Words that are not in the code: asked for at TAB, so they never complain.


def profiles(incomplete: str) -> list[str]:
    """The profiles of the config file."""
    import tomllib

    from seedvr_cli.settings.folders import config_file

    try:
        with open(config_file(), "rb") as file:
            names = list(tomllib.load(file))
    except (OSError, ValueError):
        return []
    return [name for name in names if name.startswith(incomplete) and name.isprintable()]


def setting_names(incomplete: str) -> list[str]:
    """What `config` stores."""
    from seedvr_cli.settings.known import SETTINGS

    return [name for name in SETTINGS if name.startswith(incomplete)]


def setting_words(context: typer.Context, incomplete: str) -> list[str]:
    """The words that a setting takes, where it takes certain words only."""
    from seedvr_cli.settings.known import SETTINGS
    from seedvr_cli.values.options import option_name

    setting = SETTINGS.get(option_name(str(context.params.get("name"))))
    return [word for word in setting.words if word.startswith(incomplete)] if setting else []


def request_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The latest jobs of the ledger with their status and source; read only, and without waiting for a writer."""
    from seedvr_cli.ledger.glance import latest_jobs
    from seedvr_cli.render.talk import clean
    from seedvr_cli.settings.folders import state_folder

    chosen = context.params.get("request_ids") or ()
    is_sandbox = bool(context.params.get("sandbox"))
    rows = latest_jobs(state_folder(), is_sandbox=is_sandbox, beginning=incomplete, limit=LATEST)
    return [(name, clean(f"{status}, {source}")) for name, status, source in rows if name not in chosen]


def tags(context: typer.Context, incomplete: str) -> list[str]:
    """The tags under which something was spent."""
    from seedvr_cli.ledger.glance import known_tags
    from seedvr_cli.settings.folders import state_folder

    return known_tags(state_folder(), is_sandbox=bool(context.params.get("sandbox")), beginning=incomplete)


def job_states(incomplete: str) -> list[str]:
    """The words of `status --state`."""
    from seedvr_cli.ledger.listing import STATES

    return [word for word in STATES if word.startswith(incomplete)]
