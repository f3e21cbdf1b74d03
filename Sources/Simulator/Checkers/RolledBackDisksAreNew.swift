/// A disk that came back as it was some time ago is noticed, and takes a new id.
enum RolledBackDisksAreNew {
    static let name = "RolledBackDisksAreNew"

    /// - Parameter hosts: those whose disks were rolled back and still have their ids, when
    ///   everything has settled.
    static func atTheEnd(_ hosts: [Int], at time: Nanoseconds) -> Violation? {
        guard let host = hosts.first else { return nil }
        return Violation(
            name, at: time, "\(HostName.text(host)) goes on with a disk that was rolled back")
    }
}
