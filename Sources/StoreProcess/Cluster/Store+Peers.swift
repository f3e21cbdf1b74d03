internal import Cluster
internal import IPC
internal import IPCTransport
internal import Loop
internal import Model
internal import Replication
internal import Transfer

// What is said to other stores, and what they say. The gateway carries it and reads none of it.
extension Store {
    // MARK: Gateways

    func peersAttached(_ link: Link, _ message: PeersAttached) {
        cluster.carriers.attach(link, message)
        tellBook(of: nil)
        let addresses = cluster.carriers.addresses.map(\.text)
        clusterEvent { node, now, generator, directives in
            node.reachable(at: addresses, now, using: &generator, into: &directives)
        }
    }

    func carrierClosed(_ link: Link) {
        guard cluster.carriers.detach(link) else { return }
        Log.debug("a gateway carries no more peers")
        fetchesInterrupted()
    }

    func peerFound(_ peer: NodeID) {
        clusterEvent { node, now, generator, directives in
            node.found(peer, now, using: &generator, into: &directives)
        }
    }

    /// Tells the gateway where nodes are: those named, or all.
    func tellBook(of nodes: [NodeID]?) {
        let entries = cluster.node.addresses(of: nodes).map { known in
            PeerBook.Entry(
                node: known.node,
                addresses: Array(
                    known.addresses.compactMap(PeerAddress.init(text:))
                        .prefix(IPCLimits.addressCountMax)))
        }
        for start in stride(from: 0, to: entries.count, by: IPCLimits.bookCountMax) {
            let end = min(entries.count, start + IPCLimits.bookCountMax)
            _ = cluster.carriers.send(PeerBook(entries: Array(entries[start..<end])), .peerBook)
        }
    }

    // MARK: Sending

    func transmit(_ message: PeerMessage, to node: NodeID) {
        let bytes: [UInt8]
        do throws(PeerMessage.EncodeError) {
            bytes = try message.encode()
        } catch {
            Log.error("a message has no bytes", ["kind": message.kind, "why": "\(error)"])
            return
        }
        var contents: [AttachedContent] = []
        var byteCount = 0
        for content in message.namedContents.required
        where contents.count < TransferLimits.attachedCountMax {
            guard case .bytes(let bytes) = cluster.shelf[content.object],
                byteCount + bytes.count <= TransferLimits.attachedByteCountSumMax
            else { continue }
            byteCount += bytes.count
            contents.append(AttachedContent(object: content.object, bytes: bytes))
        }
        let whole = StoreMessage.message(bytes, contents: contents)
        send(whole, to: node, message.isDatagram ? .datagram : .connection)
    }

    func send(
        _ message: StoreMessage, to node: NodeID, _ channel: PeerPart.Channel = .connection
    ) {
        cluster.nextMessage += 1
        for part in MessagePart.parts(of: message.encode(), message: cluster.nextMessage) {
            let sent = cluster.carriers.send(
                PeerPart(
                    node: node, channel: channel, message: part.message, part: part.part,
                    isLast: part.isLast, bytes: part.bytes), .peerSend)
            if !sent { return }
        }
    }

    // MARK: Receiving

    func peerReceived(_ part: PeerPart) {
        cluster.usage.heard(of: part.node, now: loop.now)
        let whole: [UInt8]?
        switch part.channel {
        case .datagram: whole = part.part == 0 && part.isLast ? part.bytes : nil
        case .connection:
            whole = cluster.assembler.add(
                MessagePart(
                    message: part.message, part: part.part, isLast: part.isLast,
                    bytes: part.bytes), from: part.node)
        }
        guard let whole else { return }
        do throws(DecodeError) {
            try received(
                try StoreMessage(decoding: unsafe whole.span.bytes), from: part.node, part.channel)
        } catch {
            cluster.malformedCount += 1
            // A newer program may say what this one does not know; anything else is worth a look.
            if case .unknown(let what) = error {
                Log.debug("a peer says what is not known here", ["what": "\(what)"])
            } else {
                Log.warning(
                    "a peer sent what is no message",
                    ["node": part.node.name, "why": "\(error)"])
            }
        }
    }

    private func received(
        _ message: StoreMessage, from peer: NodeID, _ channel: PeerPart.Channel
    ) throws(DecodeError) {
        if case .message(let bytes, let contents) = message {
            let decoded = try PeerMessage(decoding: unsafe bytes.span.bytes)
            guard decoded.isDatagram == (channel == .datagram) else { throw .invalid("channel") }
            return taken(decoded, contents, from: peer)
        }
        // Contents are not spoken of in datagrams.
        guard channel == .connection else { throw .invalid("channel") }
        if case .word(let word) = message { return received(word, from: peer) }
        receivedContents(message, from: peer)
    }

    /// A message of a peer's brain: taken at once, or when the contents that it names are here.
    private func taken(
        _ message: PeerMessage, _ contents: [AttachedContent], from peer: NodeID
    ) {
        let named = message.namedContents
        if named.isEmpty { return deliver(message, from: peer) }
        shelve(contents, of: named)
        let unknown = (named.required + named.wanted).filter {
            cluster.shelf[$0.object] == nil && !cluster.known.contains($0.object)
        }
        if unknown.isEmpty { return deliver(message, from: peer) }
        guard cluster.gate.hold(message, from: peer, unknown, required: named.required) != nil
        else { return Log.debug("a message is lost: too many wait for contents") }
        askMissing(unknown, of: peer, for: message.partition)
    }

    func deliver(_ message: PeerMessage, from peer: NodeID) {
        clusterEvent { node, now, generator, directives in
            node.received(message, from: peer, now, using: &generator, into: &directives)
        }
    }

    /// What came along is what the message says, or it did not come.
    private func shelve(_ contents: [AttachedContent], of named: NamedContents) {
        for content in contents {
            let facts = (named.required + named.wanted).first { $0.object == content.object }
            guard let facts, facts.byteCount == UInt64(content.bytes.count),
                ContentCheck.digest(of: content.bytes) == facts.digest
            else {
                Log.warning("a content that came along is not what it has to be")
                continue
            }
            cluster.shelf.put(
                content.object, .bytes(content.bytes), byteCount: facts.byteCount, now: loop.now)
        }
        setShelfTimer()
    }
}

extension PeerAddress {
    /// `host:port`, or `[host]:port` where the host has colons.
    var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    init?(text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port != 0
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, host.utf8.count <= PeerAddress.hostByteCountMax else { return nil }
        self.init(host: String(host), port: port)
    }
}
