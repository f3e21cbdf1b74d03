import Testing

@testable import Placement

extension Throttle {
    /// Moves a chunk where it may go at once.
    fileprivate mutating func take(_ byteCount: Int, now: Duration) -> Duration? {
        if let time = wait(now: now) { return time }
        moved(Int64(byteCount), now: now)
        return nil
    }
}

struct ThrottleTests {
    /// Moves chunks as fast as the throttle allows, with a foreground request each 10 ms.
    func run(
        _ throttle: inout Throttle, from start: Duration, for duration: Duration,
        latency: Duration, chunk: Int = 1 << 20
    ) -> Int {
        var moved = 0
        var now = start
        var nextChunk = start
        while now < start + duration {
            throttle.foregroundFinished(after: latency, now: now)
            while nextChunk <= now {
                if let wait = throttle.take(chunk, now: now) {
                    nextChunk = now + wait
                } else {
                    moved += chunk
                }
            }
            now += .milliseconds(10)
        }
        return moved
    }

    @Test func budgetIsKept() {
        var throttle = Throttle(now: .zero, budget: 10 << 20)
        let moved = run(&throttle, from: .zero, for: .milliseconds(900), latency: .zero)
        #expect(abs(moved - 9 << 20) <= 3 << 20)
    }

    @Test func slowForegroundHalvesTheBudgetDownToTheLeast() {
        var throttle = Throttle(now: .zero, budget: 64 << 20)
        _ = run(&throttle, from: .zero, for: .milliseconds(1010), latency: .milliseconds(200))
        #expect(throttle.budget == 32 << 20)
        _ = run(&throttle, from: .seconds(2), for: .seconds(20), latency: .milliseconds(200))
        #expect(throttle.budget == PlacementLimits.throttleMin)
    }

    @Test func swiftForegroundLetsTheBudgetGrowByStepsUpToTheMost() {
        var throttle = Throttle(now: .zero, budget: 8 << 20)
        _ = run(&throttle, from: .zero, for: .milliseconds(3010), latency: .milliseconds(1))
        #expect(throttle.budget == 8 << 20 + 3 * PlacementLimits.throttleIncrease)
    }

    @Test func unusedBudgetDoesNotGrow() {
        var throttle = Throttle(now: .zero, budget: 8 << 20)
        for second in 1..<100 {
            throttle.foregroundFinished(after: .milliseconds(1), now: .seconds(second))
        }
        #expect(throttle.budget == 8 << 20)
        let first = throttle.take(100 << 20, now: .seconds(200))
        let second = throttle.take(1, now: .seconds(200))
        #expect(first == nil)
        #expect((second ?? .zero) > .seconds(12))
    }

    @Test func oneSlowRequestAmongManyCutsNothing() {
        var throttle = Throttle(now: .zero, budget: 64 << 20)
        for tick in 0..<300 {
            throttle.foregroundFinished(
                after: .milliseconds(tick == 95 ? 300 : 5), now: .milliseconds(10 * tick))
        }
        #expect(throttle.budget == 64 << 20)
    }

    @Test func aQuietForegroundForgetsItsSlowness() {
        var throttle = Throttle(now: .zero, budget: 64 << 20)
        throttle.foregroundFinished(after: .seconds(3), now: .zero)
        _ = throttle.take(1, now: .seconds(1))
        #expect(throttle.budget == 32 << 20)
        _ = throttle.take(1, now: .seconds(2))
        #expect(throttle.budget == 32 << 20)
    }

    @Test func chunkLargerThanTheBurstIsPaidOff() {
        var throttle = Throttle(now: .zero, budget: 4 << 20)
        let first = throttle.take(64 << 20, now: .zero)
        #expect(first == nil)
        let wait = throttle.take(1, now: .zero) ?? .zero
        #expect(wait > .seconds(15) && wait < .seconds(17))
        let again = throttle.take(1, now: wait)
        #expect(again == nil)
    }

    @Test func absurdTimesAndSizesDoNotTrap() {
        var throttle = Throttle(now: .zero)
        _ = throttle.take(.max / 8, now: .zero)
        _ = throttle.take(1, now: .seconds(Int64.max / 4))
        throttle.foregroundFinished(after: .seconds(Int64.max / 4), now: .zero)
        _ = throttle.take(1, now: .zero)
    }
}
