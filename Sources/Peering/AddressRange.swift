/// Which addresses belong to networks of people, not to everybody.
package enum AddressRange {
    /// Whether an IP address, as `inet_ntop` writes it (with a zone or without), is of a private, loopback
    /// or link-local range (RFC 1918, 3927, 4193, 4291). Anything that is no such literal is not.
    package static func isPrivate(_ host: String) -> Bool {
        let address = host.prefix { $0 != "%" }
        return address.contains(":") ? isPrivateV6(address) : isPrivateV4(address)
    }

    private static func isPrivateV4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4, let first = parts[0], let second = parts[1], parts[2] != nil,
            parts[3] != nil
        else { return false }
        switch first {
        case 10, 127: return true
        case 172: return (16...31).contains(second)
        case 192: return second == 168
        case 169: return second == 254
        default: return false
        }
    }

    private static func isPrivateV6(_ text: Substring) -> Bool {
        if text == "::1" { return true }
        let mapped = "::ffff:"
        if text.lowercased().hasPrefix(mapped), text.contains(".") {
            return isPrivateV4(text.dropFirst(mapped.count))
        }
        guard let first = UInt16(text.prefix { $0 != ":" }, radix: 16) else { return false }
        return first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFE80
    }
}
