/// A set that forgets what came first when it is full: a bounded memory.
struct RecentSet<Element: Hashable> {
    private var elements: Set<Element> = []
    /// As they came; of what was removed, the names stay until they are due.
    private var order: [Element] = []
    private var start = 0
    private let max: Int

    init(max: Int) {
        precondition(max > 0, "a memory of nothing")
        self.max = max
    }

    func contains(_ element: Element) -> Bool { elements.contains(element) }

    /// - Returns: whether it was not there.
    @discardableResult
    mutating func insert(_ element: Element) -> Bool {
        guard elements.insert(element).inserted else { return false }
        if order.count < max {
            order.append(element)
            return true
        }
        // One that was removed and came again goes a little early.
        if order[start] != element { elements.remove(order[start]) }
        order[start] = element
        start = (start + 1) % max
        return true
    }

    mutating func remove(_ element: Element) { elements.remove(element) }
}
