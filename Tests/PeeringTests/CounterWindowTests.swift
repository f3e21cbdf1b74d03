import Model
import Testing

@testable import Peering

@Suite struct CounterWindowTests {
    private let size = UInt64(PeeringLimits.windowCounterCount)

    /// A window that the macros of tests can ask.
    private final class Window {
        var window: CounterWindow

        init(above highest: UInt64) { window = CounterWindow(above: highest) }

        func admits(_ counter: UInt64) -> Bool { window.admits(counter) }
    }

    @Test func eachCounterIsTakenOnceInWhateverOrder() {
        let window = Window(above: 0)
        for counter: UInt64 in [3, 1, 2, 70, 64, 63, 65, 5] {
            #expect(window.admits(counter), "\(counter)")
            #expect(!window.admits(counter), "\(counter) again")
        }
        #expect(!window.admits(0))
        #expect(window.window.highest == 70)
    }

    @Test(arguments: [0, 1, 62, 63, 64, 65, 1_000, 1_023, 1_024, 5_000] as [UInt64])
    func whatWasBeforeTheFirstIsSeen(start: UInt64) {
        let window = Window(above: start)
        for counter in (start > 200 ? start - 200 : 0)...start {
            #expect(!window.admits(counter), "\(counter) after \(start)")
        }
        for counter in (start + 1)...(start + 200) { #expect(window.admits(counter)) }
    }

    @Test func whatIsTooOldIsRefusedAndAJumpForgetsNothingWrongly() {
        let window = Window(above: 0)
        #expect(window.admits(10))
        #expect(window.admits(10 + size))
        #expect(!window.admits(10))
        #expect(!window.admits(9), "older than the window")
        #expect(window.admits(9 + size))
        #expect(window.admits(1 << 40))
        #expect(!window.admits(11 + size))
        #expect(window.admits((1 << 40) - 1))
        #expect(!window.admits((1 << 40) - size))
        #expect(window.admits(UInt64.max))
        #expect(!window.admits(UInt64.max))
        #expect(!window.admits(1 << 40))
    }

    @Test(arguments: 1...20)
    func itNeverTakesOneTwiceAndRefusesNoneWithoutReason(seed: UInt64) {
        var rng = SplitMix64(seed: seed)
        let window = Window(above: 0)
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0
        for _ in 0..<5_000 {
            let step = Int64.random(in: -1_200...60, using: &rng)
            let counter = UInt64(max(1, Int64(highest) + step))
            let isTaken = window.admits(counter)
            if isTaken {
                #expect(seen.insert(counter).inserted, "seed \(seed): \(counter) twice")
                highest = max(highest, counter)
            } else if highest < counter + size - 64 {
                #expect(seen.contains(counter), "seed \(seed): \(counter) refused")
            }
        }
        #expect(window.window.highest == highest)
    }
}
