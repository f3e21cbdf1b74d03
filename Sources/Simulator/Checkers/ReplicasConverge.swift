import Model
import Replication

/// After quiet all holders of a partition have the same in it, all nodes go by one layout, and all
/// answer alike, as the disks say.
enum ReplicasConverge {
    static let name = "ReplicasConverge"

    static func check(_ final: FinalState) -> [Violation] {
        var violations: [Violation] = []
        if !final.settleFailure.isEmpty || final.layout == nil {
            violations.append(
                Violation(
                    name, at: final.time,
                    "not settled in time: " + final.settleFailure.joined(separator: "; ")))
        }
        for partition in final.partitions {
            guard let first = partition.holders.first else { continue }
            let others = partition.holders.filter { $0.contents != first.contents }
            if others.isEmpty { continue }
            let paths = final.files.map(\.path).filter { Partition(of: $0) == partition.partition }
            violations.append(
                Violation(
                    name, at: final.time,
                    "partition \(partition.partition.number) (\(paths.map(\.text)))"
                        + " differs between"
                        + " \(HostName.text(first.host)) and"
                        + " \(others.map { HostName.text($0.host) })"))
        }
        let directories = final.directories
        for file in final.files {
            violations += answers(file, isDirectory: directories.contains(file.path), final)
        }
        return violations
    }

    private static func answers(
        _ file: FinalState.File, isDirectory: Bool, _ final: FinalState
    ) -> [Violation] {
        let expected = file.head.flatMap { $0.value.isDeleted ? nil : $0.dot }
        for read in final.reads
        where !read.isListing && read.beside == nil && read.path == file.path {
            // The directory has the name.
            if isDirectory {
                if read.outcome == .isDirectory { continue }
                return [
                    Violation(
                        name, at: final.time,
                        "\(HostName.text(read.host)) takes \(file.path) for no directory")
                ]
            }
            let found: Dot?
            switch read.outcome {
            case .read(_, let version): found = version.dot
            case .notFound: found = nil
            default:
                return [
                    Violation(
                        name, at: final.time,
                        "\(HostName.text(read.host)) does not answer for \(file.path) after quiet")
                ]
            }
            guard found != expected else { continue }
            return [
                Violation(
                    name, at: final.time,
                    "\(HostName.text(read.host)) reads \(file.path) as"
                        + " \(found?.shortText ?? "absent"),"
                        + " the disks have \(expected?.shortText ?? "nothing")")
            ]
        }
        return []
    }
}

/// After quiet each live file is on exactly its holders, and nothing of it elsewhere; a copy that is
/// not what was stored is none.
enum ReplicationFactorMet {
    static let name = "ReplicationFactorMet"

    static func check(_ final: FinalState) -> [Violation] {
        guard let layout = final.layout else { return [] }
        let count = min(layout.replicationFactor, layout.members.count)
        var violations: [Violation] = []
        for file in final.files where file.isLive {
            let having = file.copies.filter { copy in
                guard let dot = copy.register.head?.dot else { return false }
                return dot == file.head?.dot && !copy.bad.contains(dot)
            }.map(\.host).sorted()
            if having == file.holders, having.count == count { continue }
            violations.append(
                Violation(
                    name, at: final.time,
                    "\(file.path) is on \(having.map(HostName.text)) and belongs on"
                        + " \(file.holders.map(HostName.text)), \(count) copies"))
        }
        for partition in final.partitions where !partition.strangers.isEmpty {
            violations.append(
                Violation(
                    name, at: final.time,
                    "partition \(partition.partition.number) is also on"
                        + " \(partition.strangers.map(HostName.text)), which hold it not"))
        }
        return violations
    }
}
