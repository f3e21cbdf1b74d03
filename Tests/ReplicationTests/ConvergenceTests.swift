import Model
import Testing

@testable import Replication

/// Laws of what disks tell each other, over random histories.
@Suite struct ConvergenceTests {
    @Test func disksBecomeEqualAndLoseNothing() {
        for seed in UInt64(1)...500 {
            var world = DiskWorld(seed: seed, repeatsOperations: false)
            check(&world, seed)
        }
    }

    @Test func disksBecomeEqualAndLoseNothingWhereOperationsAreRepeated() {
        for seed in UInt64(1)...500 {
            var world = DiskWorld(seed: seed, repeatsOperations: true)
            check(&world, seed)
        }
    }

    private func check(_ world: inout DiskWorld, _ seed: UInt64) {
        world.run(steps: 60)
        let isEqual = world.quiet()
        #expect(isEqual, "seed \(seed): the disks do not become equal")
        #expect(world.faults.isEmpty, "seed \(seed)")
        for key in DiskWorld.keys {
            let fault = fault(of: world.disks[0].register(key) ?? Register(), key, world)
            #expect(fault == nil, "seed \(seed) \(key.kind) \(key.path)")
        }
    }

    /// What is wrong with what all disks came to, by what was ever visible anywhere.
    private func fault(of register: Register, _ key: RegisterKey, _ world: DiskWorld) -> String? {
        let seen = (world.seen[key] ?? [:]).values.sorted { $0.rank < $1.rank }
        if let newest = seen.last, !world.dropped.contains(newest.dot) {
            if register.head != newest {
                return "head \(name(register.head)), newest \(name(newest))"
            }
        } else if let newest = seen.last, let head = register.head, newest.covers(head) {
            // Once its tombstone is gone, only what its writer did not know may show.
            return "resurrected \(name(head))"
        }
        for version in seen where !register.contains(version.dot) {
            let isOlderAttempt = seen.contains {
                $0.operation == version.operation && version.rank < $0.rank
            }
            let mayBeGone =
                world.expired.contains(version.dot) || world.dropped.contains(version.dot)
                || version.value.isMark || isOlderAttempt
                // Locks are kept only where they lost a conflict.
                || key.kind == .locks
                    && seen.contains { $0.dot != version.dot && $0.covers(version) }
            if !mayBeGone { return "lost \(name(version))" }
        }
        for kept in register.kept {
            if world.expired.contains(kept.dot) { return "came back \(name(kept.version))" }
            // Also against an attempt that gave way to another within one request.
            let made = world.made[key] ?? []
            let above = made.filter { kept.version.rank < $0.rank }
            let isKnown = made.contains { $0.dot != kept.dot && $0.covers(kept.version) }
            let isConcurrent = above.contains { !$0.covers(kept.version) }
            if kept.isConflict && !isConcurrent { return "no conflict \(name(kept.version))" }
            if !kept.isConflict && !isKnown { return "a conflict \(name(kept.version))" }
        }
        return nil
    }

    private func name(_ version: RegisterVersion?) -> String { version?.version.name ?? "none" }
}
