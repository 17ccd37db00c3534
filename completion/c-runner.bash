# SPDX-License-Identifier: Apache-2.0
# Made by completion/generate from c-runner's help: change the help, then run that.
# shellcheck disable=SC2207

_c_runner() {
    local current=${COMP_WORDS[COMP_CWORD]}
    local previous=${COMP_WORDS[COMP_CWORD - 1]}
    local options=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W 'run call bench try check dev new version help' -- "$current"))
        return
    fi
    case ${COMP_WORDS[1]} in
    run)
        case $previous in
        --config | --listen-address | --plugin | --log-file | --conf-store)
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
        --conf-expire-time | --workers | --threads | --pool-threads | --socket-mode | --deadline | --start-timeout | --drain | --max-connections | --max-confs | --max-conf-memory | --max-body | --max-call-memory | --frame-timeout | --max-calls | --max-rss | --user | --group | --allow-uid)
            COMPREPLY=()
            return
            ;;
        --plugin-dir)
            COMPREPLY=($(compgen -d -- "$current"))
            return
            ;;
        --unknown-plugin)
            COMPREPLY=($(compgen -W 'fail skip' -- "$current"))
            return
            ;;
        -m | --mode)
            COMPREPLY=($(compgen -W 'dev prod prof' -- "$current"))
            return
            ;;
        --log-level)
            COMPREPLY=($(compgen -W 'debug info warn error fatal' -- "$current"))
            return
            ;;
        --scheduling)
            COMPREPLY=($(compgen -W 'batch normal' -- "$current"))
            return
            ;;
        esac
        options='--config --listen-address --conf-expire-time --plugin-dir --plugin --unknown-plugin -m --mode --log-level --log-file --workers --threads --pool-threads --scheduling --socket-mode --takeover --deadline --start-timeout --drain --max-connections --max-confs --max-conf-memory --max-body --max-call-memory --conf-store --watch --frame-timeout --max-calls --max-rss --user --group --allow-uid --sandbox --core-dumps -h --help'
        ;;
    call)
        case $previous in
        --socket | --conf | --body)
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
        --plugin | --key | --timeout | --request | -H | --header | --var | --src | --response)
            COMPREPLY=()
            return
            ;;
        esac
        options='--socket --plugin --conf --key --timeout --json -h --help --request -H --header --body --var --src --response'
        ;;
    bench)
        case $previous in
        --socket | --conf | --body)
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
        --pid | -c | --connections | -d | --duration | --rounds | --warmup | --rate | --calls | --plugin | --also | --key | --body-size | --idle | --threads | --request | -H | --header | --var | --src | --response)
            COMPREPLY=()
            return
            ;;
        --mode)
            COMPREPLY=($(compgen -W 'req resp conf' -- "$current"))
            return
            ;;
        --expect)
            COMPREPLY=($(compgen -W 'any none stop rewrite echo' -- "$current"))
            return
            ;;
        esac
        options='--socket --pid -c --connections -d --duration --rounds --warmup --rate --calls --mode --plugin --conf --also --key --expect --body-size --idle --threads --json -h --help --request -H --header --body --var --src --response'
        ;;
    try)
        case $previous in
        --plugin | --log-level | --request | -H | --header | --var | --src | --response)
            COMPREPLY=()
            return
            ;;
        --conf | --body)
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
        esac
        options='--plugin --conf --log-level --json -h --help --request -H --header --body --var --src --response'
        [ "${current#-}" != "$current" ] || COMPREPLY=($(compgen -f -- "$current"))
        ;;
    check)
        case $previous in
        --conf)
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
        esac
        options='--conf -h --help'
        [ "${current#-}" != "$current" ] || COMPREPLY=($(compgen -f -- "$current"))
        ;;
    dev)
        case $previous in
        --config | --routes | --plugin | --nginx-module)
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
        --data | --plugin-dir)
            COMPREPLY=($(compgen -d -- "$current"))
            return
            ;;
        --port | --admin-port | --nginx)
            COMPREPLY=()
            return
            ;;
        esac
        options='--config --routes --data --plugin --plugin-dir --watch --port --admin-port --echo --nginx --nginx-module --print-apisix -h --help'
        ;;
    new)
        case $previous in
        --lang)
            COMPREPLY=($(compgen -W 'c cpp rust' -- "$current"))
            return
            ;;
        --dir)
            COMPREPLY=($(compgen -d -- "$current"))
            return
            ;;
        esac
        options='--lang --dir -h --help'
        ;;
    version)
        options='--long -h --help'
        ;;
    help)
        options='-h --help'
        options="$options run call bench try check dev new version help"
        ;;
    esac
    COMPREPLY+=($(compgen -W "$options" -- "$current"))
}
complete -o filenames -F _c_runner c-runner
