#!/bin/bash
# run.sh [FLAGS]: starts a node (or --sim-nodes N) from the release build; port 8080 and ./data unless FLAGS
# say otherwise.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The same layout that `make install` makes.
scripts/install.sh "$root/build"

given=" $* "
defaults=()
# A configuration file may set both; a default on the command line would win over it. --sim-nodes has
# ports and a directory of its own.
if [[ $given != *" --config"[\ =]* && -z ${CLUSTERF_CONFIG+x} && $given != *" --sim-nodes"[\ =]* ]]; then
    [[ $given == *" --http-port"[\ =]* || -n ${CLUSTERF_HTTP_PORT+x} ]] || defaults+=(--http-port 8080)
    [[ $given == *" --data-dir"[\ =]* || -n ${CLUSTERF_DATA_DIR+x} ]] || defaults+=(--data-dir ./data)
fi
exec build/bin/clusterf-supervisor "${defaults[@]}" "$@"
