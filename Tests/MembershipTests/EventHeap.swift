/// A binary heap by time, then by order of insertion.
struct EventHeap {
    private var items: [World.Event] = []

    var first: World.Event? { items.first }

    private static func isBefore(_ a: World.Event, _ b: World.Event) -> Bool {
        a.time != b.time ? a.time < b.time : a.order < b.order
    }

    mutating func insert(_ event: World.Event) {
        items.append(event)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard EventHeap.isBefore(event, items[parent]) else { break }
            items[child] = items[parent]
            child = parent
        }
        items[child] = event
    }

    mutating func removeFirst() {
        let last = items.removeLast()
        guard !items.isEmpty else { return }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < items.count else { break }
            if child + 1 < items.count, EventHeap.isBefore(items[child + 1], items[child]) {
                child += 1
            }
            guard EventHeap.isBefore(items[child], last) else { break }
            items[parent] = items[child]
            parent = child
        }
        items[parent] = last
    }
}
