import Model
import Testing

@testable import Simulator

@Suite struct EventQueueTests {
    @Test func eventsComeByTimeAndThenInTheirOrder() {
        var queue = EventQueue()
        var generator = SplitMix64(seed: 3)
        for number in 0..<1000 {
            queue.schedule(.faultBegins(Int32(number)), at: generator.draw(0...50))
        }
        var last: Event?
        while let event = queue.pop() {
            if let last {
                #expect((last.time, last.sequence) < (event.time, event.sequence))
            }
            last = event
        }
        #expect(queue.count == 0)
    }

    @Test func whatIsPutOffKeepsItsOrder() throws {
        var queue = EventQueue()
        for number in 0..<3 { queue.schedule(.faultBegins(Int32(number)), at: 1) }
        let popped = (0..<3).compactMap { _ in queue.pop() }
        for event in popped.reversed() { queue.putOff(event, until: 9) }
        let again = (0..<3).compactMap { _ in queue.pop() }
        #expect(again.map(\.sequence) == popped.map(\.sequence))
    }

    @Test func slotsAreUsedAgain() {
        var slots = Slots<String>()
        let a = slots.add("a")
        let b = slots.add("b")
        #expect(slots.take(a) == "a")
        #expect(slots.add("c") == a)
        #expect(slots.peek(b) == "b")
        #expect(slots.count == 2)
    }

    @Test func drawsStayInTheirRange() {
        var generator = SplitMix64(seed: 1)
        var sum: Int64 = 0
        for _ in 0..<10_000 {
            let value = generator.draw(-3...4)
            #expect((-3...4).contains(value))
            let wait = generator.exponential(mean: 1000)
            #expect((0...8000).contains(wait))
            sum += wait
        }
        #expect((9_500_000...10_500_000).contains(sum))
    }
}
