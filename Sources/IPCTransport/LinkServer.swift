package import IPC
package import Loop
internal import Model
package import Posix

/// Accepts links on a listening stream socket and, where links carry descriptors, on a listening
/// seqpacket socket beside it.
///
/// ```
///   stream accepted ──> hello with token ──┬─ token zero ───────────────────────> link
///                                          └─ wait for its descriptor socket ──┐
///   descriptor socket accepted ──> token in its first message ─────────────────┴> link
/// ```
/// The two come in any order and must be of one process. What is not paired in time is closed.
package final class LinkServer {
    /// Who may connect, by what the kernel says of the other end.
    package enum Policy: Sendable {
        /// These processes, in the roles and generations that they were started in.
        case only([PeersNotice.Peer])
        /// All but these processes.
        case allBut(Set<Int32>)

        func allows(_ pid: Int32) -> Bool {
            switch self {
            case .only(let peers): peers.contains { $0.pid == pid }
            case .allBut(let pids): !pids.contains(pid)
            }
        }

        func allows(_ pid: Int32, as peer: Session.Peer) -> Bool {
            switch self {
            case .only(let peers):
                peers.contains {
                    $0.pid == pid && $0.role == peer.role && $0.generation == peer.generation
                }
            case .allBut(let pids): !pids.contains(pid)
            }
        }
    }

    /// Something that went wrong with one connection, for the log.
    package enum Trouble: Sendable {
        case refusedPID(Int32)
        case tooMany
        case unpaired(pid: Int32)
        case accepting(PosixError)
        /// A link that ended before it was one.
        case handshake(pid: Int32, LinkEnd)
    }

    private let loop: EventLoop
    private let role: Role
    private let generation: UInt64
    private let acceptedRoles: [Role]
    private var listeners: [StreamListener] = []
    /// Links whose handshake is not done, and those that wait for their descriptor socket.
    private var arriving: [Link] = []
    private var awaiting: [Bits128: Link] = [:]
    private var unpaired: [UnpairedSocket] = []
    private let hasDescriptors: Bool

    /// Links that are established, until they end.
    package private(set) var links: [Link] = []
    /// Checked at each connect and handshake; links that are there already stay.
    package var policy: Policy
    /// A link is established, and may be given its handlers: nothing was read after its handshake.
    package var onLink: ((Link) -> Void)?
    /// One of `links` ended.
    package var onLinkClosed: ((Link, LinkEnd) -> Void)?
    package var onTrouble: ((Trouble) -> Void)?

    /// Starts accepting.
    package init(
        _ loop: EventLoop, stream: consuming Descriptor, descriptors: consuming Descriptor?,
        role: Role, generation: UInt64, acceptedRoles: [Role], policy: Policy
    ) throws(PosixError) {
        self.loop = loop
        self.role = role
        self.generation = generation
        self.acceptedRoles = acceptedRoles
        self.policy = policy
        if let descriptors {
            hasDescriptors = true
            listeners.append(
                try StreamListener(loop, descriptors) { [weak self] error in
                    self?.onTrouble?(.accepting(error))
                } onAccept: { [weak self] accepted in
                    self?.descriptorSocketAccepted(accepted)
                })
        } else {
            hasDescriptors = false
        }
        listeners.append(
            try StreamListener(loop, stream) { [weak self] error in
                self?.onTrouble?(.accepting(error))
            } onAccept: { [weak self] accepted in
                self?.streamAccepted(accepted)
            })
    }

    deinit { close() }

    /// Accepts no more; connects wait in the backlog. Links stay.
    package func stopAccepting() {
        for listener in listeners { listener.close() }
        listeners = []
        for link in arriving { link.close() }
        for socket in unpaired { socket.close() }
        unpaired = []
    }

    /// Ends everything.
    package func close() {
        stopAccepting()
        for link in links { link.close() }
    }

    // MARK: Streams

    private func streamAccepted(_ accepted: consuming Descriptor) {
        guard arriving.count < TransportLimits.unpairedMax, links.count < TransportLimits.linksMax
        else {
            onTrouble?(.tooMany)
            return
        }
        do throws(PosixError) {
            let pid = try UnixSocket.peerPID(of: accepted)
            guard policy.allows(pid) else {
                onTrouble?(.refusedPID(pid))
                return
            }
            let session = Session(
                side: .acceptor, role: role, generation: generation, acceptedRoles: acceptedRoles)
            let link = try Link(loop, accepted, side: .acceptor, session: session)
            arriving.append(link)
            link.onEstablished = { [weak self, unowned link] in self?.established(link, $0) }
            link.onClosed = { [weak self, unowned link] end in
                self?.arriving.removeAll { $0 === link }
                self?.awaiting = self?.awaiting.filter { $0.value !== link } ?? [:]
                self?.onTrouble?(.handshake(pid: pid, end))
            }
        } catch {
            onTrouble?(.accepting(error))
        }
    }

    private func established(_ link: Link, _ peer: Session.Peer) {
        guard policy.allows(link.peerPID, as: peer) else {
            onTrouble?(.refusedPID(link.peerPID))
            return link.close()
        }
        if peer.token == Bits128(high: 0, low: 0) || !hasDescriptors { return ready(link) }
        if let index = unpaired.firstIndex(where: {
            $0.token == peer.token && $0.peerPID == link.peerPID
        }) {
            pair(link, unpaired.remove(at: index))
        } else {
            link.isAwaitingDescriptors = true
            awaiting[peer.token] = link
        }
    }

    private func ready(_ link: Link) {
        arriving.removeAll { $0 === link }
        links.append(link)
        link.onEstablished = nil
        link.onClosed = nil
        link.becomeReady()
        onLink?(link)
        // Kept whatever the owner of the link wants to know itself.
        let inner = link.onClosed
        link.onClosed = { [weak self, unowned link] end in
            self?.links.removeAll { $0 === link }
            inner?(end)
            self?.onLinkClosed?(link, end)
        }
    }

    // MARK: Descriptor sockets

    private func descriptorSocketAccepted(_ accepted: consuming Descriptor) {
        guard unpaired.count < TransportLimits.unpairedMax else {
            onTrouble?(.tooMany)
            return
        }
        do throws(PosixError) {
            let pid = try UnixSocket.peerPID(of: accepted)
            guard policy.allows(pid) else {
                onTrouble?(.refusedPID(pid))
                return
            }
            let socket = try UnpairedSocket(loop, accepted, peerPID: pid)
            unpaired.append(socket)
            socket.onToken = { [weak self, unowned socket] in self?.tokenReceived(socket, $0) }
            socket.onEnd = { [weak self, unowned socket] in
                self?.unpaired.removeAll { $0 === socket }
                self?.onTrouble?(.unpaired(pid: pid))
            }
        } catch {
            onTrouble?(.accepting(error))
        }
    }

    private func tokenReceived(_ socket: UnpairedSocket, _ token: Bits128) {
        guard let link = awaiting[token], link.peerPID == socket.peerPID else { return }
        awaiting[token] = nil
        unpaired.removeAll { $0 === socket }
        pair(link, socket)
    }

    private func pair(_ link: Link, _ socket: UnpairedSocket) {
        guard let descriptor = socket.take() else { return link.close() }
        do throws(PosixError) {
            link.attach(try DescriptorChannel(loop, descriptor))
            ready(link)
        } catch {
            link.close(.failed(error))
        }
    }
}
