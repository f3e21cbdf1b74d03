#!/bin/bash
# Runs the benchmark against nginx, Apache and the bare disk; see Benchmarks/.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PATH=$PATH:/usr/sbin scripts/setup.sh wrk=wrk nginx=nginx-light apache2=apache2 openssl=openssl
exec python3 Benchmarks/run.py --bin "$release_bin" "$@"
