import Model

/// How much a member wants a partition: weighted rendezvous hashing (Thaler, Ravishankar 1998;
/// weights by Schindelhauer, Schomaker 2005), in integers, so that every machine gets the same.
///
/// The paper's score is −w / ln(u) for a u in (0, 1) drawn from (node, partition), the highest
/// wins. Here it is turned over: the *cost* −log2(u) / w, the lowest wins. The factor between the
/// logarithms is common to all members. Agreed between versions for ever.
enum Score {
    /// The start of a member's draws: from its name alone, so that a replaced disk keeps its
    /// node's partitions.
    static func seed(of node: NodeID) -> UInt64 { Fingerprint(of: node.name.utf8).high }

    /// The cost of `partition` for a member, lower is better. Members of equal cost are ordered
    /// by name.
    static func cost(
        seed: UInt64, weight: UInt32, partition: Partition, logarithm: Logarithm
    ) -> UInt64 {
        let draw = finish(seed &+ UInt64(partition.number) &* 0x9E37_79B9_7F4A_7C15)
        // At most 2^54, so the shift keeps all of it; the shift keeps the quotient fine for
        // weights of up to 2^32.
        return logarithm.negativeLog2(draw) << 9 / UInt64(weight)
    }

    /// SplitMix64's finisher (Stafford's variant 13).
    private static func finish(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The binary logarithm in fixed point, the same on every machine: a table of 256 reciprocals and
/// a cubic (Tang 1990, in integers). The error is below 2^-36, a thousandth of a permille of the
/// least cost among 10,000 members.
struct Logarithm: Sendable {
    /// Of each 256th of [1, 2): a number r near 1/m, 32 bits behind the point, and log2(1/r), 48
    /// bits behind the point.
    private let reciprocals: [UInt64]
    private let logarithms: [UInt64]

    static let shared = Logarithm()

    private init() {
        // The middle of step i is (513 + 2i) / 512.
        reciprocals = (0..<256).map { ((1 << 41) + (513 + 2 * $0) / 2) / (513 + 2 * $0) }
        logarithms = reciprocals.map { 32 << 48 - Logarithm.log2ByDigits($0) }
    }

    /// log2 of `value`, 48 bits behind the point, digit by digit: squaring doubles a logarithm.
    private static func log2ByDigits(_ value: UInt64) -> UInt64 {
        let exponent = 63 - value.leadingZeroBitCount
        var mantissa = value << UInt64(63 - exponent)
        var result = UInt64(exponent)
        for _ in 0..<48 {
            let square = mantissa.multipliedFullWidth(by: mantissa)
            let carry = square.high >> 63
            mantissa = carry == 1 ? square.high : square.high << 1 | square.low >> 63
            result = result << 1 | carry
        }
        return result
    }

    /// −log2((draw | 1) / 2^64), 48 bits behind the point: from 0 to 64 << 48.
    func negativeLog2(_ draw: UInt64) -> UInt64 {
        let value = draw | 1
        let zeros = UInt64(value.leadingZeroBitCount)
        let mantissa = value << zeros
        let step = Int(mantissa >> 55) & 255
        // mantissa × r = 1 + e with |e| < 2^-8.9; here e has 60 bits behind the point.
        let product = mantissa.multipliedFullWidth(by: reciprocals[step])
        let e = Int64(bitPattern: product.high << 29 | product.low >> 35) - 1 << 60
        let e2 = Logarithm.times(e, e)
        let e3 = Logarithm.times(e2, e)
        // 1 / ln 2, 60 bits behind the point.
        let series = Logarithm.times(e - e2 / 2 + e3 / 3, 0x1715_4765_2B82_FE17) >> 12
        let log2 = Int64(logarithms[step]) + series
        return UInt64(max(0, Int64(1 + zeros) << 48 - log2))
    }

    /// The product of two numbers of 60 bits behind the point, rounded down.
    private static func times(_ a: Int64, _ b: Int64) -> Int64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high << 4 | Int64(product.low >> 60)
    }
}
