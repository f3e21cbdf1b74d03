internal import Glibc
internal import Model
internal import Posix

/// Asks the node's own gateway over HTTP on loopback, one connection a request: what the supervisor
/// does not know, the store does, and the gateway is the way to it.
struct GatewayClient {
    let port: UInt16

    /// - Parameter body: JSON; nil for none.
    /// - Throws: what the node says where it could not.
    func ask(
        _ method: String, _ path: String, body: [UInt8]? = nil
    ) throws(ControlError) -> JSONValue {
        let fields = body == nil ? [] : ["Content-Type: application/json"]
        return try answer(method, path, fields: fields, body: body).json()
    }

    /// The whole answer, whatever its status.
    ///
    /// - Parameter fields: header fields as lines.
    func answer(
        _ method: String, _ path: String, fields: [String] = [], body: [UInt8]? = nil
    ) throws(ControlError) -> GatewayAnswer {
        let deadline = Monotonic.now + ControlLimits.gatewayMax
        let socket = try connect(until: deadline)
        var lines = [
            "\(method) \(path) HTTP/1.1", "Host: localhost:\(port)", "Connection: close",
        ]
        lines += fields
        if let body { lines.append("Content-Length: \(body.count)") }
        let head = lines.map { $0 + "\r\n" }.joined() + "\r\n"
        try send([UInt8](head.utf8) + (body ?? []), to: socket, until: deadline)
        return try GatewayAnswer(parsing: try receive(from: socket, until: deadline))
    }

    // MARK: The socket

    /// A gateway that listens on one family alone is reached on that.
    private func connect(until deadline: Duration) throws(ControlError) -> Descriptor {
        let first: ControlError
        do throws(ControlError) {
            return try connect(AF_INET, until: deadline)
        } catch {
            first = error
        }
        do throws(ControlError) {
            return try connect(AF_INET6, until: deadline)
        } catch {
            // What was tried first says more: most nodes listen on both.
            throw first
        }
    }

    private func connect(
        _ family: Int32, until deadline: Duration
    ) throws(ControlError) -> Descriptor {
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            | Int32(SOCK_NONBLOCK.rawValue)
        let raw = Glibc.socket(family, kind, 0)
        guard raw >= 0 else { throw unreachable(errno, "socket") }
        let socket = Descriptor(owning: raw)
        let result = family == AF_INET ? connectIPv4(raw) : connectIPv6(raw)
        if result == 0 { return socket }
        guard errno == EINPROGRESS else { throw unreachable(errno, "connect") }
        guard Monotonic.wait(for: raw, events: POLLOUT, until: deadline) else { throw late }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(raw, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else {
            throw unreachable(errno, "getsockopt")
        }
        guard code == 0 else { throw unreachable(code, "connect") }
        return socket
    }

    private func connectIPv4(_ raw: Int32) -> Int32 {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func connectIPv6(_ raw: Int32) -> Int32 {
        var name = sockaddr_in6()
        name.sin6_family = sa_family_t(AF_INET6)
        name.sin6_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &name.sin6_addr) { unsafe $0[15] = 1 }
        return unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }

    private func send(
        _ bytes: [UInt8], to socket: borrowing Descriptor, until deadline: Duration
    ) throws(ControlError) {
        var rest = bytes[...]
        let raw = socket.rawValue
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                guard Monotonic.wait(for: raw, events: POLLOUT, until: deadline) else { throw late }
            } else if errno != EINTR {
                throw unreachable(errno, "send")
            }
        }
    }

    /// All until the gateway closes.
    private func receive(
        from socket: borrowing Descriptor, until deadline: Duration
    ) throws(ControlError) -> [UInt8] {
        var all: [UInt8] = []
        let raw = socket.rawValue
        while true {
            guard Monotonic.wait(for: raw, events: POLLIN, until: deadline) else { throw late }
            var count = 0
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: ControlLimits.readBytes) {
                count = unsafe read(raw, $0.baseAddress, $0.count)
                $1 = max(0, count)
            }
            if count == 0 { return all }
            if count < 0 {
                guard errno == EAGAIN || errno == EINTR else { throw unreachable(errno, "read") }
                continue
            }
            guard all.count + count <= ControlLimits.answerBytesMax else {
                throw ControlError(.failed, "the node's answer is too long")
            }
            all += piece
        }
    }

    private func unreachable(_ code: Int32, _ call: String) -> ControlError {
        ControlError(
            .failed,
            "the node's gateway on port \(port) cannot be reached: "
                + "\(PosixError(code, call))",
            hint: "It must listen on 127.0.0.1 or ::1; see clusterfctl workers.")
    }

    private var late: ControlError { ControlError(.failed, "the node's gateway does not answer") }
}
