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
