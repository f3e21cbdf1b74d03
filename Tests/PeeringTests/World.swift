import IPC
import Model
import PeerKeys

@testable import Peering

/// Several gateways' cores, and a network between them, under virtual time.
final class World {
    /// One life of one node's gateway.
    final class Gateway {
        let name: String
        let identity: GatewayIdentity
        let host: String
        var exchange: PeerExchange
        var decoders: [ConnectionID: FrameDecoder] = [:]
        var delivered: [PeerPart] = []
        var found: [NodeID] = []
        var said: [String] = []
        var isAlive = true
        /// Does not run: nothing is read, no time passes.
        var isStopped = false

        init(
            _ identity: GatewayIdentity, host: String, discovers: Bool, seeds: [String],
            key: PeerKeys?, seed: UInt64
        ) {
            name = identity.node.name
            self.identity = identity
            self.host = host
            exchange = PeerExchange(
                .init(
                    identity: identity, discovers: discovers, seeds: seeds,
                    authenticator: key?.authenticator),
                seed: seed)
        }

        var address: PeerAddress { PeerAddress(host: host, port: identity.peerPort) }

        /// Messages that came whole, with their bytes.
        var messages: [(from: String, message: UInt64, bytes: [UInt8])] {
            var whole: [(from: String, message: UInt64, bytes: [UInt8])] = []
            var open: [NodeID: (message: UInt64, next: UInt32, bytes: [UInt8])] = [:]
            for part in delivered {
                if part.part == 0 {
                    open[part.node] = (part.message, 1, part.bytes)
                } else if var begun = open[part.node], begun.message == part.message,
                    begun.next == part.part
                {
                    begun.next += 1
                    begun.bytes += part.bytes
                    open[part.node] = begun
                } else {
                    open[part.node] = nil
                }
                if part.isLast, let done = open.removeValue(forKey: part.node) {
                    whole.append((part.node.name, done.message, done.bytes))
                }
            }
            return whole
        }
    }

    /// One end of a wire.
    struct End: Hashable {
        var gateway: ObjectIdentifier
        var id: ConnectionID
    }

    private enum Event {
        case dialArrives(Gateway, ConnectionID, PeerAddress)
        case opened(Gateway, ConnectionID)
        case dialFailed(Gateway, ConnectionID)
        case bytes(from: End, to: End, [UInt8])
        case closed(End)
        case datagram(from: PeerAddress, to: PeerAddress?, [UInt8])
        case tick(Gateway)
    }

    private var queue: [(at: Duration, order: Int, event: Event)] = []
    private var order = 0
    private(set) var now: Duration = .zero
    var rng: SplitMix64
    private(set) var gateways: [Gateway] = []
    private var wires: [End: End] = [:]
    /// When the last bytes or the end from one end arrive at the other: a stream keeps its order.
    private var lastArrival: [End: Duration] = [:]
    /// Hosts that cannot reach each other: what is sent is lost, and nobody is told.
    var cut: Set<Set<String>> = []
    var dials = 0
    /// All datagrams that were sent.
    private(set) var recorded: [(from: PeerAddress, to: PeerAddress?, bytes: [UInt8])] = []
    /// Ends that take no bytes: what is written there is never reported as written.
    var stuck: Set<String> = []

    init(seed: UInt64) { rng = SplitMix64(seed: seed) }

    // MARK: Setting up

    @discardableResult
    func start(
        _ name: String, cluster clusterName: String = "default", host: String? = nil,
        started: UInt64 = 1, generation: UInt64 = 1, discovers: Bool = false,
        seeds: [String] = [], key: PeerKeys? = nil, after: Duration = .zero
    ) -> Gateway {
        let identity = identity(
            name, cluster: clusterName, port: 30_000, started: started, generation: generation,
            number: rng.next())
        let gateway = Gateway(
            identity, host: host ?? "10.0.0.\(name.utf8.reduce(0) { ($0 * 31 + Int($1)) % 250 })",
            discovers: discovers, seeds: seeds, key: key, seed: rng.next())
        gateways.append(gateway)
        gateway.exchange.start(now: now)
        perform(gateway)
        push(.tick(gateway), in: gateway.exchange.nextTick)
        return gateway
    }

    /// Tells each of the living where the others are.
    func introduce() {
        for gateway in living {
            let entries = living.filter { $0.name != gateway.name }.map {
                PeerBook.Entry(node: $0.identity.node, addresses: [$0.address])
            }
            gateway.exchange.bookTold(entries, now: now)
            perform(gateway)
        }
    }

    var living: [Gateway] { gateways.filter(\.isAlive) }

    func living(at address: PeerAddress) -> Gateway? {
        living.last { $0.address == address }
    }

    /// kill -9: the kernel closes its connections.
    func kill(_ gateway: Gateway) {
        gateway.isAlive = false
        for end in wires.keys where end.gateway == ObjectIdentifier(gateway) { breakWire(end) }
    }

    func send(_ gateway: Gateway, _ part: PeerPart) {
        guard gateway.isAlive else { return }
        gateway.exchange.sendRequested(part, now: now)
        perform(gateway)
    }

    func drain(_ gateway: Gateway) {
        gateway.exchange.drain(now: now)
        perform(gateway)
    }

    /// The connection between two ends breaks: what is on its way may be lost.
    func breakWire(_ end: End) {
        guard let other = wires[end] else { return }
        wires[end] = nil
        wires[other] = nil
        push(.closed(end), in: latency())
        push(.closed(other), in: latency())
    }

    func breakRandomWire() {
        let ends = wires.keys.sorted { ($0.id, $0.gateway) < ($1.id, $1.gateway) }
        if let end = ends.randomElement(using: &rng) { breakWire(end) }
    }

    /// What an attacker sends, from an address of its choice; it arrives at once.
    func inject(_ bytes: [UInt8], from address: PeerAddress, to gateway: Gateway) {
        gateway.exchange.datagramReceived(bytes.span.bytes, from: address, now: now)
        perform(gateway)
    }

    // MARK: Time

    private func latency() -> Duration { .microseconds(Int.random(in: 50...20_000, using: &rng)) }

    private func push(_ event: Event, in delay: Duration) {
        push(event, at: now + delay)
    }

    private func push(_ event: Event, at: Duration) {
        order += 1
        let index = queue.lastIndex { $0.at <= at }.map { $0 + 1 } ?? 0
        queue.insert((at, order, event), at: index)
    }

    func run(for time: Duration) {
        let end = now + time
        while let first = queue.first, first.at <= end {
            queue.removeFirst()
            now = first.at
            handle(first.event)
        }
        now = end
    }

    private func handle(_ event: Event) {
        switch event {
        case .tick(let gateway):
            guard gateway.isAlive else { return }
            if !gateway.isStopped {
                gateway.exchange.timePassed(now: now)
                perform(gateway)
            }
            push(.tick(gateway), in: gateway.exchange.nextTick)
        case .dialArrives(let gateway, let id, let address): dialArrives(gateway, id, address)
        case .opened(let gateway, let id):
            gateway.exchange.opened(id, now: now)
            perform(gateway)
        case .dialFailed(let gateway, let id):
            gateway.exchange.dialFailed(id, "refused", now: now)
            perform(gateway)
        case .bytes(let from, let to, let bytes): arrive(bytes, from, to)
        case .closed(let end):
            guard let gateway = gateway(end), gateway.isAlive, gateway.exchange.isOpen(end.id)
            else { return }
            gateway.exchange.closed(end.id, "closed", now: now)
            perform(gateway)
        case .datagram(let from, let to, let bytes):
            for gateway in living
            where !gateway.isStopped && gateway.host != from.host
                && (to == nil || gateway.address == to)
                && !cut.contains([gateway.host, from.host])
            {
                gateway.exchange.datagramReceived(bytes.span.bytes, from: from, now: now)
                perform(gateway)
            }
        }
    }

    private func gateway(_ end: End) -> Gateway? {
        gateways.first { ObjectIdentifier($0) == end.gateway }
    }

    private func dialArrives(_ gateway: Gateway, _ id: ConnectionID, _ address: PeerAddress) {
        guard gateway.isAlive, gateway.exchange.isOpen(id) else { return }
        if cut.contains([gateway.host, address.host]) { return }
        guard let other = living(at: address) else {
            return push(.dialFailed(gateway, id), in: latency())
        }
        let from = PeerAddress(
            host: gateway.host, port: UInt16.random(in: 40_000...50_000, using: &rng))
        let accepted = other.exchange.accepted(from: from, now: now)
        perform(other)
        guard let accepted else { return push(.dialFailed(gateway, id), in: latency()) }
        let mine = End(gateway: ObjectIdentifier(gateway), id: id)
        let theirs = End(gateway: ObjectIdentifier(other), id: accepted)
        wires[mine] = theirs
        wires[theirs] = mine
        push(.opened(gateway, id), in: latency())
    }

    private func arrive(_ bytes: [UInt8], _ from: End, _ to: End) {
        guard wires[from] == to || wires[to] == from else { return }
        guard let gateway = gateway(to), gateway.isAlive else { return }
        if gateway.isStopped {
            return push(.bytes(from: from, to: to, bytes), in: .milliseconds(10))
        }
        if let sender = self.gateway(from), cut.contains([sender.host, gateway.host]) { return }
        if let sender = self.gateway(from), sender.isAlive, sender.exchange.isOpen(from.id) {
            sender.exchange.written(from.id, byteCount: bytes.count, now: now)
            perform(sender)
        }
        guard gateway.exchange.isOpen(to.id) else { return }
        gateway.exchange.bytesReceived(to.id, now: now)
        var decoder = gateway.decoders[to.id] ?? FrameDecoder()
        do {
            try decoder.feed(bytes.span.bytes) { header, payload in
                gateway.exchange.frameReceived(to.id, header, payload, now: now)
                return true
            }
        } catch {
            gateway.exchange.nonsenseReceived(to.id, now: now)
        }
        gateway.decoders[to.id] = decoder
        perform(gateway)
    }

    // MARK: Directives

    private func perform(_ gateway: Gateway) {
        for directive in gateway.exchange.takeDirectives() { perform(directive, gateway) }
    }

    private func perform(_ directive: PeerDirective, _ gateway: Gateway) {
        switch directive {
        case .sendDatagram(let bytes, let to):
            recorded.append((gateway.address, to, bytes))
            push(.datagram(from: gateway.address, to: to, bytes), in: latency())
        case .broadcast(let bytes):
            recorded.append((gateway.address, nil, bytes))
            push(.datagram(from: gateway.address, to: nil, bytes), in: latency())
        case .dial(let id, let address):
            dials += 1
            push(.dialArrives(gateway, id, address), in: latency())
        case .write(let id, let bytes): write(gateway, id, bytes)
        case .close(let id):
            let end = End(gateway: ObjectIdentifier(gateway), id: id)
            guard let other = wires[end] else { return }
            let at = max(now + latency(), (lastArrival[end] ?? .zero) + .microseconds(1))
            push(.closed(other), at: at)
        case .deliver(let part): gateway.delivered.append(part)
        case .found(let node): gateway.found.append(node)
        case .bulk: break
        case .resolve(let seed): resolve(gateway, seed)
        case .say(let notice): gateway.said.append(notice.text)
        }
    }

    private func write(_ gateway: Gateway, _ id: ConnectionID, _ bytes: [UInt8]) {
        let end = End(gateway: ObjectIdentifier(gateway), id: id)
        guard let other = wires[end] else { return }
        if let receiver = self.gateway(other), stuck.contains(receiver.name) { return }
        let at = max(now + latency(), (lastArrival[end] ?? .zero) + .microseconds(1))
        lastArrival[end] = at
        push(.bytes(from: end, to: other, bytes), at: at)
    }

    private func resolve(_ gateway: Gateway, _ seed: Int) {
        let name = gateway.exchange.seedName(seed) ?? ""
        let result: Result<[PeerAddress], SeedProblem> =
            if let known = living.first(where: { $0.name == name }) {
                .success([known.address])
            } else if name.contains(".") {
                .success([PeerAddress(host: name, port: 30_000)])
            } else {
                .failure(SeedProblem("the name is not known"))
            }
        gateway.exchange.seedResolved(seed, result, now: now)
        perform(gateway)
    }
}
