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
