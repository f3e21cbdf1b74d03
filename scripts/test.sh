#!/bin/bash
# Every check, one after the other; a failed one does not stop those that do not need it.
# test.sh [--long] [SUITE…]: all suites of the table, or those named.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

long=${CLUSTERF_LONG:-no}

lint() { swift format lint --strict -r Sources Tests Package.swift; }
build_debug() { swift build --build-tests "${arrows[@]}"; }
unit() {
    # What waits for sockets, processes and threads runs apart from what computes: all tests of a
    # process share a pool of as many threads as there are processors, and a task that a test waits
    # for would queue behind half a minute of computing.
    local waiting='^(Posix|Loop|IPCTransport|SupervisorProcess|StoreProcess|GatewayProcess|ControlTool)Tests\.'
    local status=0
    swift_test --filter "$waiting" || status=$?
    swift_test --skip "$waiting" || status=$?
    return "$status"
}
# What failed is said again at the end of everything, where whoever reads the last lines sees it.
swift_test() {
    local output status=0
    output=$(mktemp)
    swift test --skip-build "${arrows[@]}" "$@" 2>&1 | tee "$output" || status=$?
    [ "$status" = 0 ] || grep -aE -A1 '^✘|error: ' "$output" | tail -n 40 >>"$CLUSTERF_SUMMARY.failed" || true
    rm -f "$output"
    return "$status"
}
build_release() { scripts/build.sh; }
fuzz() {
    # With the address sanitizer, in a scratch path of its own; it depends on the cores alone.
    local flags=(-c release --scratch-path .build-fuzz --sanitize address --product clusterf-fuzz)
    swift build "${flags[@]}"
    local seconds=20
    [ "$long" = no ] || seconds=600
    "$(swift build "${flags[@]}" --show-bin-path)/clusterf-fuzz" "$seconds"
}
simulate() {
    # The seeds that found something, then five nodes, five simulated minutes and all faults: 480
    # runs here (two minutes), 1,500 others and large clusters in `make check-long`. A run uses one
    # processor, so the two policies run beside each other.
    local sim=$release_bin/clusterf-sim kept=Tests/Fixtures/Simulation/seeds.txt majority status=0
    "$sim" --kept "$kept" --no-shrink
    simulate_policy majority &
    majority=$!
    simulate_policy available || status=$?
    wait "$majority" || status=$?
    [ "$status" = 0 ] || return "$status"
    "$sim" --canaries
    [ "$long" = yes ] || return 0
    # A settings change reaches a thousand nodes; deaths are known; nobody is called dead by a network
    # that loses one datagram in twenty.
    "$sim" --nodes 10 --seeds 200 --faults kills --no-shrink
    "$sim" --nodes 1000 --seed 7 --minutes 2 --faults kills --no-shrink
    "$sim" --nodes 100 --seed 7 --hours 24 --faults drizzle --clients 1 --think-milliseconds 60000 \
        --no-shrink
}
# Disks answer ahead of their syncs, as the store's does; kept seeds and a part of the long run do not.
simulate_policy() {
    local sim=$release_bin/clusterf-sim policy=$1
    if [ "$long" = no ]; then
        "$sim" --seeds 240 --faults all --policy "$policy" --ahead --no-shrink
    else
        "$sim" --seed 241 --seeds 560 --faults all --policy "$policy" --ahead --no-shrink &&
            "$sim" --seeds 200 --faults all --policy "$policy" --no-shrink
    fi
}
recorder() { Tests/CrashRecorder/check.sh "$CLUSTERF_RECORDER"; }
processes() {
    local flags=()
    [ "$long" = no ] || flags=(--long)
    python3 Tests/Processes/run.py "${flags[@]}"
}

# One suite, in the shell that run_limited starts: bash honours `set -e` only outside of a condition.
if [ "${1:-}" = --inside ]; then
    "$2"
    exit
fi

if [ "${1:-}" = --long ]; then
    long=yes
    shift
fi
summary=$(mktemp)
trap 'rm -f "$summary" "$summary".*' EXIT
export CLUSTERF_SUMMARY=$summary CLUSTERF_BIN=$root/$release_bin CLUSTERF_LONG=$long
export CLUSTERF_RECORDER=$root/$release_scratch/tests/recorder.so

# The table: suite | limit in minutes, that of `make check-long` | the suites that must have passed before | whether the
# next one runs beside it. Builds do: each spends half of its time in single modules.
table='
lint          |  3   3  |                           |
build_release | 25  25  |                           | beside
build_debug   | 25  25  |                           |
unit          | 10  10  | build_release build_debug |
simulate      | 12  90  | build_release             |
fuzz          |  8  20  |                           |
recorder      |  3   3  |                           |
processes     | 55 240  | build_release             |
'

# Runs one suite in a process group of its own, ended at its limit.
run_limited() {
    local suite=$1 minutes=$2 runner watcher status=0
    set -m
    "$root/scripts/test.sh" --inside "$suite" </dev/null &
    runner=$!
    (
        sleep $((minutes * 60))
        printf '%s: over its limit of %s min\n' "$suite" "$minutes" >&2
        kill -TERM -- "-$runner"
        sleep 5
        kill -KILL -- "-$runner"
    ) </dev/null >/dev/null 2>"$summary.limit.$suite" &
    watcher=$!
    set +m
    wait "$runner" || status=$?
    kill -- "-$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    cat "$summary.limit.$suite"
    rm -f "$summary.limit.$suite"
    return "$status"
}

declare -A outcome
report=""
failed=0

# ended SUITE STATUS SECONDS: notes what became of it.
ended() {
    outcome[$1]=passed
    if [ "$2" != 0 ]; then
        outcome[$1]=FAILED
        failed=1
    fi
    report+=$(printf '%-14s %8s  %s' "$1" "$(awk -v s="$3" 'BEGIN { printf "%.1f", s / 60 }')" "${outcome[$1]}")$'\n'
}

# The suite that runs beside others, if any: its name, process and start; its output waits in a file.
beside="" beside_pid="" beside_began=0
finish_beside() {
    [ -n "$beside" ] || return 0
    local status=0
    wait "$beside_pid" || status=$?
    printf '\n== %s\n' "$beside"
    cat "$summary.beside"
    # Its end wrote how long it took.
    ended "$beside" "$status" "$(($(cat "$summary.beside.end") - beside_began))"
    beside=""
}

while IFS='|' read -r suite limits needs with_next; do
    suite=${suite// /}
    [ -n "$suite" ] || continue
    if [ $# -gt 0 ] && [[ " $* " != *" $suite "* ]]; then continue; fi
    read -r minutes minutes_long <<<"$limits"
    [ "$long" = no ] || minutes=$minutes_long
    [ -z "${needs// /}" ] || finish_beside
    missing=""
    for need in $needs; do
        [ "${outcome[$need]:-passed}" = passed ] || missing=$need
    done
    if [ -n "$missing" ]; then
        outcome[$suite]="not run"
        failed=1
        report+=$(printf '%-14s %8s  not run: %s failed' "$suite" - "$missing")$'\n'
        continue
    fi
    began=$SECONDS
    if [ -n "${with_next// /}" ]; then
        beside=$suite beside_began=$began
        (
            status=0
            run_limited "$suite" "$minutes" || status=$?
            echo "$SECONDS" >"$summary.beside.end"
            exit "$status"
        ) >"$summary.beside" 2>&1 &
        beside_pid=$!
        continue
    fi
    printf '\n== %s\n' "$suite"
    status=0
    run_limited "$suite" "$minutes" || status=$?
    ended "$suite" "$status" "$((SECONDS - began))"
done <<<"$table"
finish_beside

if [ -z "$report" ]; then
    printf 'no such suite: %s\n' "$*" >&2
    exit 64
fi
printf '\n%-14s %8s  %s\n%s' suite minutes outcome "$report"
[ ! -s "$summary.failed" ] || cat "$summary.failed"
# The count of the process tests: the last line.
cat "$summary"
exit "$failed"
