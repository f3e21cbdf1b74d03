/// A node that was asked to leave says that it may be stopped when nothing is on its disk any more,
/// and says so in the end.
enum LeaversHandOver {
    static let name = "LeaversHandOver"

    /// - Parameters:
    ///   - partitionCount: of which something is on its disk, durable.
    ///   - isMember: whether the layout that it goes by has it.
    static func mayStop(
        _ host: Int, partitionCount: Int, isMember: Bool, at time: Nanoseconds
    ) -> Violation? {
        guard partitionCount > 0 || isMember else { return nil }
        return Violation(
            name, at: time,
            "\(HostName.text(host)) says that it may be stopped, and "
                + (isMember ? "is a member" : "has something of \(partitionCount) partitions"))
    }

    /// - Parameter leavers: hosts that are up and have not said that they may be stopped, when
    ///   everything has settled or the time for it is over.
    static func atTheEnd(_ leavers: [Int], at time: Nanoseconds) -> Violation? {
        guard let host = leavers.first else { return nil }
        return Violation(name, at: time, "\(HostName.text(host)) does not come to its goodbye")
    }
}
