#!/bin/bash
# Twenty runs of chaos under each write policy, of about a minute each: chaos.sh [ARGUMENTS of Tests/Chaos/chaos.py].
# Histories and logs are in build/chaos afterwards.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export CLUSTERF_BIN=$root/$release_bin
exec python3 Tests/Chaos/chaos.py --runs 20 --keep build/chaos "$@"
