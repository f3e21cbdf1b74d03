/// On a healthy network a setting reaches every node within ten seconds.
struct SettingsReachAll {
    static let name = "SettingsReachAll"
    static let key = "simulated.setting"
    static let timeMax: Nanoseconds = .seconds(10)

    private var value: String?
    private var since: Nanoseconds = 0
    /// Set shortly before by another node, whose clock may be ahead: either may win, on all nodes.
    private var rival: String?

    /// A later one takes the place of an earlier one.
    mutating func set(_ value: String, at time: Nanoseconds) {
        rival = self.value
        self.value = value
        since = time
    }

    func isDue(_ time: Nanoseconds) -> Bool { value != nil && time >= since + Self.timeMax }

    mutating func look(
        _ values: [(host: Int, value: String?)], isHealthy: Bool, at time: Nanoseconds
    ) -> Violation? {
        guard let wanted = value else { return nil }
        let rival = rival
        value = nil
        self.rival = nil
        guard isHealthy else { return nil }
        if let rival, values.allSatisfy({ $0.value == rival }) { return nil }
        let others = values.filter { $0.value != wanted }
        guard let other = others.first else { return nil }
        return Violation(
            Self.name, at: time,
            "\(wanted) was set at \(since.secondsText); \(others.count) nodes do not have it yet,"
                + " \(HostName.text(other.host)) has \(other.value ?? "nothing")")
    }
}
