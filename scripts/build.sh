#!/bin/bash
# Builds the programs for release into .build-release/release.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for product in "${products[@]}"; do
    swift build "${release_flags[@]}" --product "$product" </dev/null
done
