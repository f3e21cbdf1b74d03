/// What happens at a time. Small and flat: payloads are in slots.
struct Event {
    enum Action {
        /// A message arrives: its slot.
        case message(Int32)
        /// A host's node wants to be called.
        case wake(host: Int32)
        /// A sync of a host's disk ends, if the host still has that life.
        case synced(host: Int32, life: UInt32)
        /// A storage request that only reads is answered: its slot.
        case answered(Int32)
        /// A node hears what its disk did, before that is durable: a write of a life.
        case answeredAhead(host: Int32, life: UInt32, number: UInt32)
        /// The contents that a storage request names have come to the disk: its slot.
        case contentsCame(Int32)
        case start(host: Int32)
        case faultBegins(Int32)
        case faultEnds(Int32)
        case clientActs(Int32, step: UInt32)
        /// The world looks around: what it waits for, what it samples.
        case look
    }

    var time: Nanoseconds
    /// Breaks ties: what was scheduled first happens first.
    var sequence: UInt64
    var action: Action
}

/// A binary heap by (time, sequence).
struct EventQueue {
    private var heap: [Event] = []
    private(set) var scheduledCount: UInt64 = 0

    var count: Int { heap.count }
    var nextTime: Nanoseconds? { heap.first?.time }

    mutating func schedule(_ action: Event.Action, at time: Nanoseconds) {
        scheduledCount += 1
        push(Event(time: time, sequence: scheduledCount, action: action))
    }

    /// Puts an event off, in its old order among those put off to the same time.
    mutating func putOff(_ event: Event, until time: Nanoseconds) {
        push(Event(time: time, sequence: event.sequence, action: event.action))
    }

    mutating func pop() -> Event? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if heap.isEmpty { return first }
        var index = 0
        let count = heap.count
        while true {
            var child = 2 * index + 1
            guard child < count else { break }
            if child + 1 < count, Self.isBefore(heap[child + 1], heap[child]) { child += 1 }
            guard Self.isBefore(heap[child], last) else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = last
        return first
    }

    private mutating func push(_ event: Event) {
        heap.append(event)
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard Self.isBefore(event, heap[parent]) else { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = event
    }

    @inline(__always)
    private static func isBefore(_ a: Event, _ b: Event) -> Bool {
        a.time != b.time ? a.time < b.time : a.sequence < b.sequence
    }
}

/// Values under small numbers that are used again.
struct Slots<Value> {
    private var values: [Value?] = []
    private var free: [Int32] = []

    var count: Int { values.count - free.count }

    mutating func add(_ value: Value) -> Int32 {
        if let slot = free.popLast() {
            values[Int(slot)] = value
            return slot
        }
        values.append(value)
        return Int32(values.count - 1)
    }

    mutating func take(_ slot: Int32) -> Value {
        guard let value = values[Int(slot)].take() else {
            preconditionFailure("slot \(slot) is empty")
        }
        free.append(slot)
        return value
    }

    func peek(_ slot: Int32) -> Value? { values[Int(slot)] }
}
