# Read by the other scripts: names that they share.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

products=(clusterf-supervisor clusterf-store clusterf-gateway clusterf-exec clusterfctl clusterf-sim)
# Release and debug builds have a scratch path each, so that neither invalidates the other.
release_scratch=.build-release
release_bin=$release_scratch/release
arrows=(--explicit-target-dependency-import-check error)
# The standard library is linked in: a node is five files, whatever toolchain the machine has or lacks.
release_flags=(-c release --scratch-path "$release_scratch" --static-swift-stdlib "${arrows[@]}")
