internal import IPC
internal import Model

/// A directory that is being moved or copied, with all that is in it: file after file, each of them whole
/// at one path at least at each moment. What is there already is left as it is, so that it may be sent
/// again after a death: it goes on with what is left.
struct TreeTransfer {
    /// A directory of the source on the way down.
    struct Level {
        var path: StorePath
        /// Whether it is there at the destination.
        var isMade = false
        /// The last name of the page that was listed last; nil before the first.
        var after: [UInt8]?
        var isListed = false
        /// Directories of that page which are to come.
        var directories: [StorePath] = []
        /// How often it was listed again, since it should have been empty.
        var relistings = 0

        init(_ path: StorePath) { self.path = path }
    }

    let request: TransferRequest
    let destination: StorePath
    let isMove: Bool
    let overwrites: Bool
    var stack: [Level]
    /// Files of the page that are under way.
    var open = 0
    var hasFailed: RemoteError?
    var isRepeat = false
    /// Whether the destination was there.
    var isReplacing = false

    /// - Returns: nil for a restoration.
    init?(_ request: TransferRequest) {
        self.request = request
        switch request.kind {
        case .move(let destination, let overwrite):
            (self.destination, isMove, overwrites) = (destination, true, overwrite)
        case .copy(let destination, let overwrite):
            (self.destination, isMove, overwrites) = (destination, false, overwrite)
        case .restore: return nil
        }
        stack = [Level(request.path)]
    }

    /// Where a path of the source goes; nil where the name would be too long.
    func target(of path: StorePath) -> StorePath? {
        if path == request.path { return destination }
        let rest = path.bytes.dropFirst(request.path.directoryPrefix.count)
        return try? StorePath(validating: destination.directoryPrefix + rest)
    }

    /// The operation of one step: the same whenever the request is sent again, and another where there is
    /// another version by then.
    func operation(for path: StorePath, _ version: Dot? = nil) -> OperationID {
        let seed = request.operation.bits.low ^ (version?.sequence ?? 0)
        let name = Fingerprint(of: path.bytes + (version?.disk.bytes ?? []), seed: seed)
        let bits = request.operation.bits
        // The first 48 bits are the time; the last one tells the halves of a move apart.
        return OperationID(
            bits: Bits128(high: bits.high & ~0xFFFF | name.high & 0xFFFF, low: name.low & ~1))
    }
}

extension StorePath {
    /// Whether it is `other`, or below it.
    func isWithin(_ other: StorePath) -> Bool {
        self == other || bytes.starts(with: other.directoryPrefix)
    }
}
