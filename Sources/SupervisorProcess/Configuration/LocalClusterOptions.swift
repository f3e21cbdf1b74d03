internal import Model
internal import Supervision

/// What a person asked of `--sim-nodes`, checked: N nodes of one cluster on this machine.
struct LocalClusterOptions: Equatable {
    /// One of the nodes.
    struct Node: Equatable {
        var name: String
        var httpPort: UInt16
    }

    let nodes: [Node]
    let basePort: UInt16
    /// Where all nodes listen.
    let bind: [BindAddress]
    /// Nil: a temporary one.
    let dataDirectory: String?
    let opensDesktop: Bool
    let debug: Bool
    /// What every node is given.
    private let common: GivenOptions

    /// Options of one node alone, and why they make no sense for several.
    private static let contradictory: [(OptionName, String)] = [
        (.nodeID, "the nodes are sim-1, sim-2 …"),
        (.httpPort, "the nodes' ports begin at --base-port"),
        (.peerPort, "each node has a port of its own, chosen and kept"),
        (.join, "the nodes find each other, and nobody else"),
        (.encryptionKey, "every node's command line would show it: use --encryption-key-file"),
    ]

    /// - Parameter given: the merged sources; `--sim-nodes` is among them.
    init(_ given: GivenOptions) throws(StartError) {
        for (option, reason) in LocalClusterOptions.contradictory {
            guard let place = given[option]?.place else { continue }
            throw StartError(.usage, "\(place) contradicts --sim-nodes", hint: reason)
        }
        let countMax = UInt64(SupervisorLimits.simNodesMax)
        guard let count = try Configuration.number(given[.simNodes], in: 1...countMax) else {
            throw StartError(.usage, "--sim-nodes: how many?")
        }
        basePort = try LocalClusterOptions.basePort(given[.basePort], count: UInt16(count))
        var common = given
        for option in [OptionName.simNodes, .basePort, .dataDirectory] { common[option] = nil }
        let place = given[.simNodes]?.place ?? "--sim-nodes"
        let standard: [(OptionName, String)] = [
            (.bind, "127.0.0.1"), (.discoveryAddress, "127.255.255.255"),
            // Whoever has the HTTP ports has this one too, so two such clusters do not meet.
            (.discoveryPort, String(basePort)),
        ]
        for (option, text) in standard where common[option] == nil {
            common[option] = .init(texts: [text], place: place)
        }
        let checked = try Configuration(common)
        if checked.peers.discoveryAddress == .off {
            let place = common[.discoveryAddress]?.place ?? ""
            throw StartError(
                .usage, "\(place) contradicts --sim-nodes",
                hint: "the nodes could not find each other")
        }
        if checked.peers.keepsNothing {
            let place = common[.noStore]?.place ?? ""
            throw StartError(
                .usage, "\(place) contradicts --sim-nodes", hint: "somebody has to keep the files")
        }
        bind = checked.bind
        opensDesktop = checked.opensDesktop
        debug = checked.debug
        dataDirectory = given[.dataDirectory]?.text
        if let dataDirectory, dataDirectory.isEmpty || dataDirectory.utf8.contains(0) {
            throw StartError(.usage, "\(given[.dataDirectory]?.place ?? "") is no directory")
        }
        common[.noDesktop] = .init(texts: ["true"], place: place)
        self.common = common
        let first = basePort
        nodes = (0..<Int(count)).map { index in
            Node(name: LocalClusterLife.name(index), httpPort: first + UInt16(index))
        }
    }

    private static func basePort(
        _ value: GivenOptions.Value?, count: UInt16
    ) throws(StartError) -> UInt16 {
        let last = UInt64(UInt16.max - count + 1)
        return try Configuration.number(value, in: 1...last).map { UInt16($0) }
            ?? SupervisorLimits.basePortDefault
    }

    /// The command line of one node, without the program's name.
    ///
    /// - Parameter base: the absolute directory below which all nodes have theirs.
    func arguments(of node: Node, base: String) -> [String] {
        var given = common
        given[.nodeID] = .init(texts: [node.name], place: "")
        given[.dataDirectory] = .init(texts: [base], place: "")
        return OptionName.allCases.flatMap { option -> [String] in
            guard let value = given[option] else { return [] }
            let name = "--\(option.rawValue)"
            switch option.kind {
            case .flag: return LocalClusterOptions.isOn(value) ? [name] : []
            // In one word, since a value may begin with a dash.
            case .text, .number: return ["\(name)=\(value.text)"]
            case .list: return value.texts.map { "\(name)=\($0)" }
            }
        }
    }

    private static func isOn(_ value: GivenOptions.Value) -> Bool {
        do throws(StartError) {
            return try Configuration.flag(value)
        } catch {
            preconditionFailure("a flag was read before: \(error)")
        }
    }

    /// For a browser on this machine.
    func url(of node: Node) -> String {
        let isEverywhere = bind.contains(where: \.isUnspecified)
        let host = isEverywhere ? "localhost" : bind.first?.urlHost ?? "localhost"
        return "http://\(host):\(node.httpPort)/"
    }
}
