"""Each shell's completion script, where it belongs, and how it begins."""

import os
import shlex
from contextlib import suppress

from seedvr_cli.values.system import replace

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


# Where each shell looks by itself, below the user's home; `{data}` and `{config}` are the XDG folders.
PLACES = {
    "bash": "{data}/bash-completion/completions/seedvr",
    "zsh": "{data}/zsh/site-functions/_seedvr",
    "fish": "{config}/fish/completions/seedvr.fish",
    "powershell": "{data}/seedvr/seedvr.ps1",
}
# What begins it, where the place alone does not.
BEGINNINGS = {
    "bash": "it begins with the next shell, where the package bash-completion is installed; now: source {path}",
    "zsh": "in ~/.zshrc, before compinit: fpath=({folder} $fpath); it begins with the next shell",
    "fish": "it begins with the next shell; now: source {path}",
    "powershell": "in $PROFILE: . {path}",
}


def script(shell: str) -> str:
    """The script's text, without a last newline."""
    return SCRIPTS[shell][1].strip()


def place(shell: str) -> str:
    """The path that the shell finds by itself, or that its beginning names."""
    home = os.path.expanduser("~")
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return PLACES[shell].format(data=data, config=config)


def write(path: str, text: str) -> bool:
    """Whether it was not there as it is; UsageError where it cannot be written."""
    from seedvr_cli.values.errors import UsageError

    try:
        with suppress(FileNotFoundError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            if file.read() == text:
                return False
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f"{path}.part"
        with open(part, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        replace(part, path)
    except OSError as error:
        raise UsageError(f"completion: {path}: {error.strerror}",
                         hint="without --install it is printed") from error  # fmt: skip
    return True


def beginning(shell: str, path: str) -> str:
    """What is to be done where the script is at that path."""
    return BEGINNINGS[shell].format(path=shlex.quote(path), folder=shlex.quote(os.path.dirname(path)))
