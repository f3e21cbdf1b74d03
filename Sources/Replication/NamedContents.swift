package import Model

/// The contents of files that a message names: what its receiver has to have, or should have, before
/// it takes the message.
///
/// The rules of a disk take a version for a copy once it is stored; so the contents come first.
package struct NamedContents: Hashable, Sendable {
    /// By answering, the receiver says that it has these: without them the message is as good as
    /// lost.
    package private(set) var required: [NamedContent] = []
    /// Without these the receiver knows versions of which it has no copy, which it says itself and
    /// mends later.
    package private(set) var wanted: [NamedContent] = []

    package init() {}

    package var isEmpty: Bool { required.isEmpty && wanted.isEmpty }

    package mutating func require(_ content: NamedContent?) {
        if let content, !required.contains(content) { required.append(content) }
    }

    package mutating func want(_ content: NamedContent?) {
        if let content, !wanted.contains(content) { wanted.append(content) }
    }

    fileprivate mutating func want(_ version: RegisterVersion, of key: RegisterKey) {
        want(version.value.facts?.content(of: key))
    }

    /// The versions of a register of which a disk keeps the content; not those of which the sender
    /// has no copy either.
    mutating func want(_ register: Register, of key: RegisterKey) {
        var versions = register.prepared
        if let head = register.head { versions.append(head) }
        if let accepted = register.ballot?.accepted { versions.append(accepted.version) }
        versions += register.kept.filter { $0.isConflict && !$0.isPurged }.map(\.version)
        versions += register.spareVersions.map(\.version)
        for version in versions where !register.damaged.contains(version.dot) {
            want(version, of: key)
        }
    }
}

/// A content by its name, with what it has to be.
package struct NamedContent: Hashable, Sendable {
    package var object: ObjectID
    package var byteCount: UInt64
    package var digest: Digest
    /// Whose holders have it as well: those of the path that it was moved, copied or restored from.
    package var home: Partition?
    /// A path that shows it, or did, where it is known.
    package var path: StorePath?

    package init(
        object: ObjectID, byteCount: UInt64, digest: Digest, home: Partition? = nil,
        path: StorePath? = nil
    ) {
        self.object = object
        self.byteCount = byteCount
        self.digest = digest
        self.home = home
        self.path = path
    }
}

extension FileFacts {
    package var content: NamedContent {
        NamedContent(object: object, byteCount: byteCount, digest: digest, home: home)
    }

    fileprivate func content(of key: RegisterKey) -> NamedContent {
        var content = content
        if key.kind == .file { content.path = key.path }
        return content
    }
}

extension FileContent {
    package var named: NamedContent {
        NamedContent(object: object, byteCount: byteCount, digest: digest)
    }
}

extension RegisterVersion {
    /// Nil where it is no file's.
    package var content: NamedContent? { value.facts?.content }
}

extension ReplicaRequest {
    package func name(_ contents: inout NamedContents) {
        switch self {
        case .guarded(let request, _): request.name(&contents)
        case .assign(let assignment), .mint(let assignment, _):
            contents.require(assignment.value.facts?.content(of: assignment.key))
        case .prepare(let key, let version, _), .accept(let key, _, let version):
            contents.require(version.value.facts?.content(of: key))
        case .commit(let key, let version, _, _), .confirm(let key, _, let version),
            .writeBack(let key, let version):
            contents.want(version, of: key)
        case .merge(_, let registers, _, _, _):
            for item in registers { contents.want(item.register, of: item.key) }
        case .withdraw, .read, .joinContext, .promise, .putEntry, .readEntry, .list, .fetch,
            .items, .scrub, .quarantine, .audit, .addOutbox, .settle, .outbox, .outboxDone,
            .moves, .movePlaced, .moveOver, .expire, .purge, .dropTombstone, .dropEntry, .forget,
            .partitions, .aged:
            break
        }
    }

    /// The contents that the disk is to have for it.
    package var neededContents: NamedContents {
        var contents = NamedContents()
        name(&contents)
        return contents
    }
}

extension ReplicaReply {
    /// What was fetched is about to be stored by the one who asked. A register that was merely read
    /// is not.
    package func name(_ contents: inout NamedContents) {
        if case .fetched(let registers, _, _, _) = self {
            for item in registers { contents.want(item.register, of: item.key) }
        }
    }
}
