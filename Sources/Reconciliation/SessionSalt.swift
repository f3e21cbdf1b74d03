import Model

/// How a session shortens sums to 24 bits: differently each time, so that two sums that look the
/// same by accident do so in one session only. Of a thousand differences a session overlooks one
/// in about 2,000 sessions; the sum over the whole scope still differs then, and the next session
/// finds it. Against 32 bits a quarter of the bytes is saved.
///
/// The short form of a sum is linear: that of a range is the sum of those of its parts (modulo
/// 2^24), so the last part's need not travel.
struct SessionSalt {
    private let a: UInt64
    private let b: UInt64

    static func cut(_ value: UInt32) -> UInt32 { value & 0xFF_FFFF }

    init(_ salt: UInt64) {
        a = Fingerprint.mix(salt) | 1
        b = Fingerprint.mix(salt &+ 0x9E37_79B9_7F4A_7C15) | 1
    }

    func short(_ sum: Fingerprint) -> UInt32 {
        SessionSalt.cut(UInt32(truncatingIfNeeded: sum.high &* a &+ sum.low &* b))
    }

    func short(_ item: ReconciliationItem) -> UInt32 {
        short(
            Fingerprint(
                high: item.fingerprint.high &+ Fingerprint.mix(item.key), low: item.fingerprint.low)
        )
    }
}
