import Model
import Testing

@testable import CRDT

@Suite struct HybridClockTests {
    static let hour: UInt64 = 3_600_000

    static func stamp(
        _ clock: inout HybridClock, _ wall: UInt64, above: HybridTime = .zero
    ) -> HybridTime? {
        clock.stamp(wallMilliseconds: wall, above: above)
    }

    @Test func stampsGrowWhateverTheWallClockDoes() throws {
        for seed in 0..<200 as Range<UInt64> {
            var rng = SplitMix64(seed: seed)
            var clock = HybridClock()
            var last = HybridTime.zero
            for _ in 0..<50 {
                let wall = wallStart &+ UInt64.random(in: 0...(2 * Self.hour), using: &rng)
                let time = try #require(Self.stamp(&clock, wall))
                #expect(time > last, "seed \(seed)")
                last = time
                if Bool.random(using: &rng) {
                    let remote = HybridTime(value: (wall + 30_000) << 16)
                    clock.observe(remote, wallMilliseconds: wall)
                    #expect(clock.last >= remote)
                }
            }
        }
    }

    @Test func restoredClockGoesOnAboveItsLastReading() throws {
        var clock = HybridClock()
        let last = try #require(Self.stamp(&clock, wallStart))
        var restored = HybridClock(restored: last)
        let next = try #require(Self.stamp(&restored, wallStart - Self.hour))
        #expect(next > last)
    }

    @Test func wrongPeerDragsNobodyAlong() {
        var clock = HybridClock()
        clock.observe(
            HybridTime(value: (wallStart + 60_001) << 16), wallMilliseconds: wallStart)
        #expect(clock.last == .zero)
        clock.observe(
            HybridTime(value: (wallStart + 60_000) << 16), wallMilliseconds: wallStart)
        #expect(clock.last.wallMilliseconds == wallStart + 60_000)
    }

    @Test func wrongVersionIsToppedWithoutFollowingIt() throws {
        var clock = HybridClock()
        let before = try #require(Self.stamp(&clock, wallStart))
        let wrong = HybridTime(value: (wallStart + 24 * Self.hour) << 16)
        let top = try #require(Self.stamp(&clock, wallStart, above: wrong))
        #expect(top > wrong)
        let after = try #require(Self.stamp(&clock, wallStart))
        #expect(after > before && after < wrong)
    }

    @Test func nothingIsAboveTheHighestReading() {
        var clock = HybridClock()
        #expect(Self.stamp(&clock, wallStart, above: HybridTime(value: .max)) == nil)
        #expect(Self.stamp(&clock, .max) != nil)
        clock.observe(HybridTime(value: .max), wallMilliseconds: .max)
        #expect(Self.stamp(&clock, .max) == nil)
    }

    @Test func ofTwoNodesTheOneAheadIsInDoubt() {
        var early = HybridClock()
        var late = HybridClock()
        let began = early.clockOffset(peer: node(1), offsetMilliseconds: -60_001, now: .zero)
        #expect(began == .began)
        #expect(Self.stamp(&early, wallStart) == nil)
        let none = late.clockOffset(peer: node(0), offsetMilliseconds: 60_001, now: .zero)
        #expect(none == nil)
        #expect(Self.stamp(&late, wallStart) != nil)
        let ended = early.clockOffset(peer: node(1), offsetMilliseconds: -60_000, now: .zero)
        #expect(ended == .ended)
    }

    @Test func majorityOfPeersDecides() {
        var clock = HybridClock()
        var changes: [HybridClock.DoubtChange?] = []
        for (peer, offset) in [(1, 0), (2, 100_000), (3, 100_000), (4, 100_000)] {
            changes.append(
                clock.clockOffset(
                    peer: node(peer), offsetMilliseconds: Int64(offset), now: .zero))
        }
        #expect(changes == [nil, nil, nil, .began])
    }

    @Test func offsetsAreForgotten() {
        var clock = HybridClock()
        _ = clock.clockOffset(peer: node(1), offsetMilliseconds: -100_000, now: .zero)
        let still = clock.timePassed(now: .seconds(300), wallMilliseconds: wallStart)
        #expect(still == nil && clock.isInDoubt)
        let ended = clock.timePassed(now: .seconds(301), wallMilliseconds: wallStart + 1_000)
        #expect(ended == .ended)
    }

    @Test func clockThatWasSetIsInDoubtAtOnce() {
        var clock = HybridClock()
        for peer in 1...2 {
            _ = clock.clockOffset(peer: node(peer), offsetMilliseconds: 0, now: .zero)
        }
        _ = clock.timePassed(now: .zero, wallMilliseconds: wallStart)
        for (second, wall, change) in [
            (1, wallStart + 1_000, nil), (2, wallStart + Self.hour, .began),
            (3, wallStart + Self.hour + 1_000, nil), (4, wallStart + 4_000, .ended),
            (5, 0, .began), (6, .max, nil), (7, wallStart + 7_000, .ended),
        ] as [(Int, UInt64, HybridClock.DoubtChange?)] {
            let seen = clock.timePassed(now: .seconds(second), wallMilliseconds: wall)
            #expect(seen == change, "second \(second)")
        }
    }

    @Test func offsetsAreBounded() {
        var clock = HybridClock()
        // 100 peers say that this clock is early; later ones replace them.
        for peer in 0..<100 {
            _ = clock.clockOffset(
                peer: node(peer), offsetMilliseconds: -100_000, now: .seconds(1))
        }
        #expect(clock.isInDoubt)
        for peer in 100..<164 {
            _ = clock.clockOffset(peer: node(peer), offsetMilliseconds: 0, now: .seconds(2))
        }
        #expect(!clock.isInDoubt)
        _ = clock.clockOffset(peer: node(1), offsetMilliseconds: .min, now: .seconds(3))
        _ = clock.timePassed(now: .seconds(3), wallMilliseconds: 0)
        _ = clock.timePassed(now: .seconds(4), wallMilliseconds: .max)
    }
}
