/// How long a lock is wanted without a refresh (RFC 4918 section 10.7).
package enum LockTimeout {
    /// The seconds that are granted: those of the first choice that is understood, at most
    /// `WebDAVLimits.lockSecondsMax`. The header is a wish, so one that is none is like none.
    ///
    /// - Parameter field: `Second-600`, `Infinite, Second-4100000000`; nil where there is none.
    package static func granted(field: ArraySlice<UInt8>?) -> UInt32 {
        let choices = field?.split(separator: 0x2C, maxSplits: WebDAVLimits.timeoutChoicesMax) ?? []
        for choice in choices.prefix(WebDAVLimits.timeoutChoicesMax) {
            let word = ASCII.trimmed(choice)
            if ASCII.equalIgnoringCase(word, "Infinite") { return WebDAVLimits.lockSecondsMax }
            guard ASCII.equalIgnoringCase(word.prefix(7), "Second-"), word.count > 7,
                word.dropFirst(7).allSatisfy(ASCII.isDigit)
            else { continue }
            // What is too long for a number is long.
            let seconds = ASCII.number(word.dropFirst(7)) ?? .max
            return UInt32(clamping: min(max(seconds, 1), UInt64(WebDAVLimits.lockSecondsMax)))
        }
        return WebDAVLimits.lockSecondsDefault
    }
}
