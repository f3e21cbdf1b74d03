internal import CSealedFiles
internal import GRDBSQLite
package import Sealing
internal import Synchronization

/// Opens SQLite databases whose pages, log and temporary files are sealed; see docs/FORMATS.md.
///
/// It registers a VFS of its own and stays until the process ends: connections refer to it.
package final class SealedFiles: Sendable {
    /// A record that had to be good and is not.
    package struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        package var role: PageSealer.Role
        /// A page's number from 1, a frame's from 0.
        package var number: UInt64

        package var description: String {
            switch role {
            case .page: "page \(number) is not what was written"
            case .frameHeader, .frame: "frame \(number) of the log is not what was written"
            }
        }
    }

    /// The VFS could not be registered.
    package struct Failure: Error, CustomStringConvertible {
        /// SQLite's result code.
        package let code: Int32
        package var description: String { "no VFS for sealed files: SQLite \(code)" }
    }

    private static let registered = Atomic<Int>(0)

    private let name: String

    /// - Parameter onFault: told of each fault, on the thread of the connection that found it, which gets
    ///   `SQLITE_IOERR_DATA` afterwards.
    package init(
        _ sealer: PageSealer, onFault: @escaping @Sendable (Fault) -> Void
    ) throws(Failure) {
        precondition(
            CSEALED_TRAILER == PageSealer.trailerByteCount, "C and Swift speak of one trailer")
        let number = SealedFiles.registered.wrappingAdd(1, ordering: .relaxed).newValue
        name = "clusterf-sealed-\(number)"
        // Retained for good: SQLite keeps the VFS, and the VFS this.
        let context = unsafe Unmanaged.passRetained(Codec(sealer, onFault)).toOpaque()
        var codec = unsafe csealed_codec(
            context: context, seal: Codec.seal, open: Codec.open, fault: Codec.fault)
        let code = unsafe csealed_register(name, &codec)
        guard code == SQLITE_OK else {
            unsafe Unmanaged<Codec>.fromOpaque(context).release()
            throw Failure(code: code)
        }
    }

    /// What to open instead of `path`, with `SQLITE_OPEN_URI` or a library that has it on.
    package func uri(_ path: some Collection<UInt8>) -> String {
        var text = "file:"
        for byte in path {
            switch byte {
            case 0x2D...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: text.append(Character(.init(byte)))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                text += hex.count == 1 ? "%0\(hex)" : "%\(hex)"
            }
        }
        return text + "?vfs=\(name)"
    }

    /// Makes room for what stands with each page, in a database that is about to be made. Before anything
    /// is written, on each connection.
    package static func reserveBytes(_ connection: OpaquePointer) throws(Failure) {
        var count = Int32(PageSealer.trailerByteCount)
        let code = unsafe sqlite3_file_control(
            connection, "main", SQLITE_FCNTL_RESERVE_BYTES, &count)
        guard code == SQLITE_OK else { throw Failure(code: code) }
    }
}

/// What C calls: on a connection's thread, with memory that is its own.
private final class Codec: Sendable {
    private let sealer: PageSealer
    private let onFault: @Sendable (SealedFiles.Fault) -> Void

    init(_ sealer: PageSealer, _ onFault: @escaping @Sendable (SealedFiles.Fault) -> Void) {
        self.sealer = sealer
        self.onFault = onFault
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> Codec {
        guard let context = unsafe context else { preconditionFailure("a codec was given") }
        return unsafe Unmanaged<Codec>.fromOpaque(context).takeUnretainedValue()
    }

    private static func role(_ value: Int32) -> PageSealer.Role {
        guard let role = PageSealer.Role(rawValue: UInt8(clamping: value)) else {
            preconditionFailure("no role \(value)")
        }
        return role
    }

    static var seal:
        @convention(c) (
            UnsafeMutableRawPointer?, Int32, UInt64, UnsafeRawPointer?, Int32,
            UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
        ) -> Void
    {
        { context, role, number, plain, count, sealed, trailer in
            unsafe Codec.at(context).sealer.seal(
                UnsafeRawBufferPointer(start: plain, count: Int(count)), Codec.role(role), number,
                into: UnsafeMutableRawBufferPointer(start: sealed, count: Int(count)),
                trailer: UnsafeMutableRawBufferPointer(
                    start: trailer, count: PageSealer.trailerByteCount))
        }
    }

    static var open:
        @convention(c) (
            UnsafeMutableRawPointer?, Int32, UInt64, UnsafeRawPointer?, Int32, UnsafeRawPointer?,
            UnsafeMutableRawPointer?
        ) -> Int32
    {
        { context, role, number, sealed, count, trailer, plain in
            let isAuthentic = unsafe Codec.at(context).sealer.open(
                UnsafeRawBufferPointer(start: sealed, count: Int(count)), Codec.role(role), number,
                trailer: UnsafeRawBufferPointer(
                    start: trailer, count: PageSealer.trailerByteCount),
                into: UnsafeMutableRawBufferPointer(start: plain, count: Int(count)))
            return isAuthentic ? 0 : 1
        }
    }

    static var fault: @convention(c) (UnsafeMutableRawPointer?, Int32, UInt64) -> Void {
        { context, role, number in
            unsafe Codec.at(context).onFault(
                SealedFiles.Fault(role: Codec.role(role), number: number))
        }
    }
}
