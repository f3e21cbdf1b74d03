import Model

/// Hosts are numbers; their nodes are named `n0000`, `n0001`, …: sorted as they are numbered.
enum HostName {
    static let digitCount = 4
    static let hostCountMax = 9999

    static func text(_ host: Int) -> String {
        let digits = String(host)
        return "n" + String(repeating: "0", count: max(0, digitCount - digits.utf8.count)) + digits
    }

    static func node(_ host: Int) -> NodeID {
        guard let node = NodeID(text(host)) else { preconditionFailure("no name: \(text(host))") }
        return node
    }

    static func host(_ node: NodeID) -> Int {
        var number = 0
        for digit in node.name.utf8.dropFirst() { number = number * 10 + Int(digit &- 0x30) }
        return number
    }
}
