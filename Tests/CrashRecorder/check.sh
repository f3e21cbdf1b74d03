#!/bin/bash
# Builds the recorder and runs its own tests: check.sh OUTPUT
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/build.sh" "$1"
CLUSTERF_RECORDER=$(realpath "$1") python3 "$here/test_recorder.py"
