import Model

/// What happened, hashed always, and kept as text where somebody wants to read it. Nothing that
/// differs between processes may come in here.
struct Trace {
    private var mixer = Fingerprint.Mixer(seed: 0x7472_6163_6500)
    let keepsText: Bool
    private(set) var lines: [String] = []
    /// With text: only the newest lines are kept, at most twice so many.
    var lineCountMax = 4_000_000

    init(keepsText: Bool) { self.keepsText = keepsText }

    var hash: Fingerprint {
        let copy = mixer
        return copy.finish()
    }

    @inline(__always)
    mutating func add(_ time: Nanoseconds, _ word: UInt64) {
        mixer.add(UInt64(bitPattern: time))
        mixer.add(word)
    }

    mutating func add(_ time: Nanoseconds, _ text: @autoclosure () -> String) {
        guard keepsText else { return }
        lines.append("\(time.secondsText) \(text())")
        if lines.count > 2 * lineCountMax { lines.removeFirst(lineCountMax) }
    }
}
