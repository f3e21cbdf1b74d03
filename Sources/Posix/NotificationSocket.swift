internal import CPosix
internal import Glibc

/// Where one process hears of another's readiness, as a service manager does (sd_notify(3)): a
/// datagram socket without a file, whose address goes into `NOTIFY_SOCKET`.
package final class NotificationSocket {
    package let descriptor: Descriptor
    /// For `NOTIFY_SOCKET`.
    package let address: String

    package init() throws(PosixError) {
        var made: Int32 = -1
        // An abstract name that the kernel chooses has six bytes.
        let name = unsafe [UInt8](unsafeUninitializedCapacity: 108) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            let capacity = buffer.count
            made = unsafe base.withMemoryRebound(to: CChar.self, capacity: capacity) {
                unsafe cposix_notify_listen($0, capacity)
            }
            count = made < 0 ? 0 : unsafe buffer.firstIndex(of: 0) ?? capacity
        }
        address = String(decoding: name, as: UTF8.self)
        descriptor = Descriptor(owning: try checked("bind", made))
    }

    /// The next message that `sender` sent; what others send is dropped. Nil: nothing waits.
    package func receive(from sender: Int32) throws(PosixError) -> String? {
        while true {
            var who: pid_t = 0
            var received = 0
            let raw = descriptor.rawValue
            let bytes = unsafe [UInt8](
                unsafeUninitializedCapacity: PosixLimits.notificationBytesMax
            ) { buffer, count in
                received = unsafe cposix_notify_receive(
                    raw, buffer.baseAddress, buffer.count, &who)
                count = max(0, received)
            }
            switch received {
            case -Int(EAGAIN): return nil
            case -Int(EMSGSIZE): continue
            default: _ = try checked("recvmsg", received)
            }
            if who == sender { return String(decoding: bytes, as: UTF8.self) }
        }
    }
}
