package import Model

/// The first 16 bytes of a frame: u32 length (of what follows it), u16 type, u16 flags,
/// u64 request id; all big endian.
package struct FrameHeader: Equatable, Sendable {
    package var payloadByteCount: Int
    package var type: UInt16
    package var flags: FrameFlags
    /// 0 for a notice; odd for requests of the link's initiator, even for those of its acceptor.
    package var requestID: UInt64

    package init(payloadByteCount: Int, type: UInt16, flags: FrameFlags, requestID: UInt64) {
        self.payloadByteCount = payloadByteCount
        self.type = type
        self.flags = flags
        self.requestID = requestID
    }

    package init(
        type: MessageType, flags: FrameFlags = [], requestID: UInt64, payloadByteCount: Int = 0
    ) {
        self.init(
            payloadByteCount: payloadByteCount, type: type.rawValue, flags: flags,
            requestID: requestID)
    }

    package func write(into writer: inout ByteWriter) {
        writer.write(UInt32(payloadByteCount + IPCLimits.headerByteCount - 4))
        writer.write(type)
        writer.write(flags.rawValue)
        writer.write(requestID)
    }
}

/// The flags of a frame. An unknown one ends the link.
package struct FrameFlags: OptionSet, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The answer to the request of this id.
    package static let response = FrameFlags(rawValue: 1)
    /// With `response`: the payload is a `RemoteError`.
    package static let error = FrameFlags(rawValue: 2)
    /// A descriptor for this request id was sent before on the descriptor socket.
    package static let descriptor = FrameFlags(rawValue: 4)

    package static let known: FrameFlags = [.response, .error, .descriptor]
}

/// What every message type is for. A number is never reused.
package enum MessageType: UInt16, Sendable, CaseIterable {
    // The link itself.
    case hello = 1
    case welcome = 2
    case refusal = 3
    case cancel = 4
    case credit = 5

    // The control link, supervisor and worker.
    case configure = 16
    case peers = 17
    case progress = 18
    case drain = 19
    case ready = 20
    case workers = 21

    // The control socket, clusterfctl and supervisor.
    case nodeStatus = 32
    case restartWorker = 33
    case stopNode = 34
    case logs = 35
    case logLine = 36

    // The store, from the gateway.
    case lookup = 64
    case put = 65
    case beginUpload = 66
    case commitUpload = 67
    case abortUpload = 68
    case delete = 69
    case makeDirectory = 70
    case list = 71
    case storeStatus = 72
    case claimUploads = 73
    case clusterStatus = 74
    case administer = 75
    case settings = 76
    case partitionHealth = 77

    // Other nodes, between gateway and store.
    case attachPeers = 80
    case peerFound = 81
    case peerReceived = 82
    case peerSend = 83
    case peerBook = 84

    // Contents of other nodes, between gateway and store.
    case fetchContent = 88
    case stopFetch = 89
    case fetchProgress = 90
    case openFetch = 91
    case openContent = 92
    case readContent = 93

    // The store, from the gateway, again.
    case partitionFiles = 96
    case nodeUsage = 97
    case restartCluster = 98
    case repair = 99
    case inspect = 100
    case watch = 101
    case events = 102
    case quotas = 103

    // What was at paths, and what gets other names.
    case history = 112
    case trash = 113
    case purge = 114
    case transfer = 115

    // What clients lock, and say of files.
    case lock = 116
    case refreshLock = 117
    case unlock = 118
    case locks = 119

    // Whether contents are what was stored.
    case integrity = 120
    // 121 was `suspect`, which did not say which content.
    case suspectContent = 122

    case properties = 123
    case setProperties = 124
}
