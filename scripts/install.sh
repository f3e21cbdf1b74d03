#!/bin/bash
# install.sh DESTINATION [PREFIX]: puts the built programs under DESTINATION (bin, libexec/clusterf) and,
# when there are any, the systemd units with PREFIX written into them.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

destination=$1
prefix=${2:-$1}

# Line tables go (they are most of the size); symbol names stay, which profiling needs.
place() {
    local source=$1 target=$2 fresh=$2.new
    mkdir -p "$(dirname "$target")"
    if [ -e "$target" ] && [ ! "$source" -nt "$target" ]; then return 0; fi
    install -m 755 "$source" "$fresh"
    strip -g "$fresh"
    # A rename, so that an older node that runs from here keeps its own file.
    mv "$fresh" "$target"
}

for product in clusterf-supervisor clusterfctl clusterf-sim; do
    place "$release_bin/$product" "$destination/bin/$product"
done
ln -sfn clusterf-supervisor "$destination/bin/clusterF"
for product in clusterf-store clusterf-gateway clusterf-exec; do
    place "$release_bin/$product" "$destination/libexec/clusterf/$product"
done

for unit in packaging/systemd/*; do
    [ -e "$unit" ] || continue
    mkdir -p "$destination/lib/systemd/system"
    sed "s|@PREFIX@|$prefix|g" "$unit" >"$destination/lib/systemd/system/$(basename "$unit")"
done
