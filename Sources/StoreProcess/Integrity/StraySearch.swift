internal import Glibc
internal import Model
internal import Posix

/// Looks for what is in the directory and not in the store, and for what somebody did to the view for
/// people. Nothing is changed.
struct StraySearch {
    private let finder: ContentFinder
    private let queries: ScrubQueries

    init(_ finder: ContentFinder, _ queries: ScrubQueries) {
        self.finder = finder
        self.queries = queries
    }

    // MARK: Objects

    /// Stored objects behind `last` that nothing names.
    /// - Returns: the last one looked at; nil at the end.
    func objects(
        after last: ObjectID?, _ report: inout ScrubReport, _ goOn: () throws -> Void
    ) throws -> ObjectID? {
        let store = finder.contents.store
        let limit = StoreLimits.scrubbedPageCount
        let page = try store.list(after: last, limit: limit)
        // After the list: what was stored since has its row, and what went has none any more.
        let (unnamed, _) = try finder.reader.snapshot {
            try page.map(\.object).filter { try !isNamed($0) }
        }
        for object in unnamed {
            try goOn()
            // What was removed between the list and the look is no stray.
            if try store.open(object) != nil { report.addStray("the object \(object.hex)") }
        }
        return page.count < limit ? nil : page.last?.object
    }

    private func isNamed(_ object: ObjectID) throws -> Bool {
        if try finder.tables.queries.object(object) != nil { return true }
        if try finder.reader.stagingFile(of: object) != nil { return true }
        return try queries.isGarbage(object)
    }

    // MARK: Names

    /// Names that are none of the store's, in the folders of contents and in the view.
    func names(_ report: inout ScrubReport, _ goOn: () throws -> Void) throws {
        for name in try finder.contents.store.strangers(limit: StoreLimits.scrubNamesMax) {
            report.addStray(name)
        }
        guard let viewed = finder.contents.viewed else { return }
        try look(in: BytePath("."), of: viewed.files, depth: 0, &report, goOn)
    }

    /// What has one name only is no link of an object.
    private func look(
        in path: BytePath, of top: borrowing Descriptor, depth: Int, _ report: inout ScrubReport,
        _ goOn: () throws -> Void
    ) throws {
        guard depth < StorePath.byteCountMax / 2 else { return }
        try goOn()
        let entries: [DirectoryEntry]
        do throws(PosixError) {
            let folder = try Directory.openBeneath(path, in: top, [.readOnly, .directory])
            entries = try Directory.entries(of: folder)
        } catch {
            // Gone meanwhile; or somebody else's, who keeps it to himself.
            if ![ENOENT, ENOTDIR].contains(error.code) {
                report.addStray("files/" + "\(path)".dropFirst(2) + " (\(error))")
            }
            return
        }
        for entry in entries {
            let inner = path.appending(entry.name)
            // Gone meanwhile.
            guard let status = try Directory.status(of: inner, in: top) else { continue }
            switch status.kind {
            case .directory:
                try look(in: inner, of: top, depth: depth + 1, &report, goOn)
            case .regular where status.linkCount > 1: break
            default: report.addStray("files/" + "\(inner)".dropFirst(2))
            }
        }
    }

    // MARK: The view

    /// Whether these files, which the paths show now, are in the view as the same files.
    func views(_ files: [ExpectedFile], _ report: inout ViewReport) throws {
        guard let viewed = finder.contents.viewed else { return }
        for file in files {
            guard let shown = try changed(file, viewed) else { continue }
            // It may be about to be made, or have been replaced since.
            let (isCurrent, _) = try finder.reader.snapshot {
                try finder.reader.record(at: file.path)?.record.object == file.content.object
                    && !queries.isViewOpen(file.path)
            }
            guard isCurrent, try changed(file, viewed) == shown else { continue }
            switch shown {
            case .missing: report.removed.append(file.path)
            case .other: report.replaced.append(file.path)
            }
        }
    }

    private enum Change {
        case missing
        case other
    }

    private func changed(_ file: ExpectedFile, _ viewed: RawFiles) throws -> Change? {
        guard let object = try viewed.stamp(of: file.content.object) else { return nil }
        do throws(PosixError) {
            let parent = file.path.parent ?? .root
            let folder = try Directory.openBeneath(
                BytePath(parent.isRoot ? [UInt8(ascii: ".")] : [UInt8](parent.bytes.dropFirst())),
                in: viewed.files, [.readOnly, .directory])
            guard let status = try Directory.status(of: BytePath(file.path.name), in: folder) else {
                return .missing
            }
            if status.inode == object.inode { return nil }
            // Of a copy that was repaired since: several names may have shown it.
            return try viewed.isQuarantined(status, of: file.content.object) ? .missing : .other
        } catch {
            if error.code == ENOENT { return .missing }
            if [ENOTDIR, ELOOP].contains(error.code) { return .other }
            throw error
        }
    }
}
