internal import Synchronization

/// How much of the disk writes may take, and what is kept of the past: asked on several threads, set
/// when the cluster's settings change.
final class SpaceRules: Sendable {
    struct Numbers: Equatable, Sendable {
        /// Bytes that stay free: below it, writes answer "no space".
        var reserve = StoreLimits.freeByteCountReserve
        /// Bytes that contents of superseded and deleted versions may take.
        var trash = UInt64.max
    }

    private let numbers = Mutex(Numbers())
    private let wanted = Mutex<UInt64>(0)
    private let wake = Mutex<@Sendable () -> Void>({})

    var current: Numbers { numbers.withLock { $0 } }

    /// - Parameter wake: called when somebody wants room.
    func connect(_ wake: @escaping @Sendable () -> Void) { self.wake.withLock { $0 = wake } }

    /// So many bytes will be written: what is kept of the past makes way for them.
    func want(_ byteCount: UInt64) {
        wanted.withLock { $0 = max($0, byteCount) }
        wake.withLock { $0 }()
    }

    func takeWanted() -> UInt64 {
        wanted.withLock { wanted in
            defer { wanted = 0 }
            return wanted
        }
    }

    /// - Parameters:
    ///   - reservePercent: of the disk's size, that stay free.
    ///   - trashPercent: of the disk's size, that may be of the past.
    func set(total: UInt64, reservePercent: Int, trashPercent: Int) {
        func part(_ percent: Int) -> UInt64 { total / 100 * UInt64(percent) }
        numbers.withLock {
            $0 = Numbers(
                reserve: max(StoreLimits.freeByteCountReserve, part(reservePercent)),
                trash: part(trashPercent))
        }
    }

    /// Whether `byteCount` more bytes may be written where `free` are.
    func hasRoom(for byteCount: UInt64, free: UInt64) -> Bool {
        let reserve = current.reserve
        return free > reserve && free - reserve >= byteCount
    }
}
