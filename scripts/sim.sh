#!/bin/bash
# sim.sh [OPTION…]: builds and runs the simulator; without options, a hundred runs with all faults.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

swift build "${release_flags[@]}" --product clusterf-sim
if [ $# -eq 0 ]; then set -- --seeds 100 --faults all; fi
exec "$release_bin/clusterf-sim" "$@"
