internal import Model
internal import Posix

/// Finds the node that is meant: by its id, or as the only one below the base directory.
enum NodeSearch {
    /// - Returns: the node's own directory.
    static func directory(base: String, node: String?) throws(ControlError) -> String {
        if let node {
            guard NodeID(node) != nil else {
                throw ControlError(.usage, "--node: \"\(node)\" is no node id")
            }
            return "\(base)/\(node)"
        }
        let nodes: [String]
        do throws(PosixError) {
            nodes = try nodeNames(in: base)
        } catch {
            throw ControlError(
                .notRunning, "no node in \(base): \(error)",
                hint: "name its base directory with --data-dir")
        }
        switch nodes.count {
        case 0:
            throw ControlError(
                .notRunning, "no node in \(base)",
                hint: "name its base directory with --data-dir")
        case 1: return "\(base)/\(nodes[0])"
        default:
            throw ControlError(
                .usage, "\(base) has \(nodes.count) nodes: \(nodes.joined(separator: ", "))",
                hint: "say which with --node")
        }
    }

    private static func nodeNames(in base: String) throws(PosixError) -> [String] {
        let directory = try Directory.open(
            BytePath(base), in: .workingDirectory, [.readOnly, .directory])
        var names: [String] = []
        for entry in try Directory.entries(of: directory).prefix(ControlLimits.nodesMax)
        where entry.isDirectory != false {
            let name = String(decoding: entry.name, as: UTF8.self)
            guard NodeID(name) != nil else { continue }
            // The supervisor's lock is what makes a directory a node's.
            if hasLock(name, in: directory) { names.append(name) }
        }
        return names.sorted()
    }

    private static func hasLock(_ name: String, in directory: borrowing Descriptor) -> Bool {
        do throws(PosixError) {
            return try Directory.status(of: BytePath("\(name)/lock"), in: directory) != nil
        } catch {
            // Not a directory, or not ours to look into.
            return false
        }
    }
}
