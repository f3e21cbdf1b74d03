import Model

/// Virtual time: nanoseconds since the world began, or a span of them.
package typealias Nanoseconds = Int64

extension Nanoseconds {
    static func microseconds(_ count: Int64) -> Nanoseconds { count * 1000 }
    static func milliseconds(_ count: Int64) -> Nanoseconds { count * 1_000_000 }
    package static func seconds(_ count: Int64) -> Nanoseconds { count * 1_000_000_000 }

    /// Saturating: nodes may say "never" with a time that no world reaches.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        if seconds > 1 << 32 {
            self = 1 << 62
        } else {
            self = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        }
    }

    /// Seconds with six digits, as traces and reports show times.
    var secondsText: String {
        let micro = self / 1000
        let fraction = String(micro.magnitude % 1_000_000)
        return (self < 0 ? "-" : "") + "\(micro.magnitude / 1_000_000)."
            + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}

extension SplitMix64 {
    /// A generator of its own for each purpose and number, so that one draws nothing from another.
    init(seed: UInt64, purpose: UInt64, number: UInt64 = 0) {
        self.init(
            seed: Fingerprint.mix(
                Fingerprint.mix(seed &+ purpose &* 0x9E37_79B9_7F4A_7C15)
                    &+ number &* 0xC2B2_AE3D_27D4_EB4F))
    }

    /// Uniform; `range` is not empty.
    mutating func draw(_ range: ClosedRange<Int64>) -> Int64 {
        let width = UInt64(range.upperBound - range.lowerBound) + 1
        return range.lowerBound + Int64(next().multipliedFullWidth(by: width).high)
    }

    mutating func draw(below count: Int) -> Int { Int(draw(0...Int64(count - 1))) }

    /// With a chance of `perMille` in 1000.
    mutating func chance(perMille: Int) -> Bool { draw(below: 1000) < perMille }

    /// Exponential with this mean, at most eight times as much.
    mutating func exponential(mean: Nanoseconds) -> Nanoseconds {
        let uniform = Double(next() >> 11) / Double(1 << 53)
        // -ln(1 - u) by its series: the same bits on every machine, without a mathematical library.
        return Nanoseconds(Double(mean) * min(8, Self.negativeLogarithm(1 - uniform)))
    }

    /// -ln(x) for 0 < x <= 1, to some 1e-9: x = m · 2^-k with m in [1/2, 1].
    private static func negativeLogarithm(_ x: Double) -> Double {
        guard x > 0 else { return 64 }
        let mantissa = x.significand / 2
        let exponent = -(Double(x.exponent) + 1)
        let t = (mantissa - 1) / (mantissa + 1)
        var term = t
        var sum = 0.0
        for n in stride(from: 1.0, through: 25, by: 2) {
            sum += term / n
            term *= t * t
        }
        return exponent * 0.693_147_180_559_945_3 - 2 * sum
    }
}
