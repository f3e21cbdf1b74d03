import Model
import Testing

@testable import Replication

/// Laws of joining a register with its partition's context, over registers that came about in
/// random histories.
@Suite struct MergeLawTests {
    private struct Known: Equatable {
        var register: Register
        var context: PartitionContext

        func joined(_ other: Known) -> Known {
            var result = self
            result.register.merge(other.register, mine: &result.context, theirs: other.context)
            result.context.formUnion(other.context)
            return result
        }

        /// What clients and later merges go by: since when a loser is kept, and whether it counts
        /// as a conflict, depend on the order in which a third version came, until the disks have
        /// told each other.
        /// The same is true of a register of locks for what lost a conflict, once somebody who knew it let
        /// it go.
        var versions: [Dot] {
            let head = [register.head].compactMap { $0 }
            let all = head + register.kept.map(\.version)
            let areLocks = all.contains(where: \.value.isLocks)
            let kept = register.kept.filter { kept in
                !areLocks || !all.contains { $0.dot != kept.dot && $0.covers(kept.version) }
            }
            return (head + kept.map(\.version)).map(\.dot)
        }
    }

    @Test func joiningIsCommutativeAndIdempotent() {
        forRandomTriples { a, b, _, seed in
            #expect(a.joined(b) == b.joined(a), "seed \(seed)")
            #expect(a.joined(a) == a, "seed \(seed)")
            #expect(a.joined(b).joined(b) == a.joined(b), "seed \(seed)")
            #expect(a.joined(b).joined(a) == a.joined(b), "seed \(seed)")
        }
    }

    @Test func joiningIsAssociativeInVersionsAndContext() {
        forRandomTriples { a, b, c, seed in
            let left = a.joined(b).joined(c)
            let right = a.joined(b.joined(c))
            #expect(left.versions == right.versions, "seed \(seed)")
            #expect(left.context == right.context, "seed \(seed)")
        }
    }

    /// The orders differ in when and how a loser was recognized; told to each other, they agree.
    @Test func whatTheOrderLeftDifferentIsSettledByOneMoreExchange() {
        forRandomTriples { a, b, c, seed in
            let left = a.joined(b).joined(c)
            let right = a.joined(b.joined(c))
            #expect(left.joined(right) == right.joined(left), "seed \(seed)")
        }
    }

    private func forRandomTriples(_ check: (Known, Known, Known, UInt64) -> Void) {
        for seed in UInt64(1)...300 {
            var world = DiskWorld(seed: seed, repeatsOperations: false)
            world.run(steps: 50)
            // Of prepared versions one side commits those of the other, not its own.
            for index in world.disks.indices { world.settle(index) }
            for key in DiskWorld.keys where !isReassigned(world, key) {
                let known = world.disks.map {
                    Known(
                        register: $0.register(key) ?? Register(),
                        context: $0.state(of: key.partition).context)
                }
                check(known[0], known[1], known[2], seed)
            }
        }
    }

    /// Of two attempts of one operation that were both committed the lower one is not kept, so
    /// which are kept depends on the order; the contexts then remove it everywhere.
    private func isReassigned(_ world: DiskWorld, _ key: RegisterKey) -> Bool {
        let made = world.made[key] ?? []
        return Set(made.map(\.operation)).count < Set(made.map(\.dot)).count
    }
}
