internal import IPC
internal import Model
internal import Posix

/// A file as a look-up found it.
struct FoundFile {
    /// Where the content is.
    enum Content {
        case none
        case inline([UInt8])
        /// From this offset of the file on.
        case file(SharedDescriptor, base: UInt64)
        /// The store reads it.
        case windows(ObjectID)
        /// At one of these nodes.
        case remote(ObjectID, [NodeID])

        /// Whether its bytes come from a file, here or elsewhere.
        var isFile: Bool {
            switch self {
            case .file, .windows, .remote: true
            case .none, .inline: false
            }
        }
    }

    let facts: FileFacts
    let content: Content

    init(_ facts: FileFacts, _ content: Content) {
        self.facts = facts
        self.content = content
    }

    /// Nil where it is no file, or its descriptor did not come.
    init?(_ response: LookupResponse, _ box: DescriptorBox?) {
        switch response {
        case .directory, .heldDirectory: return nil
        case .file(let facts), .heldFile(let facts, _): self.init(facts, .none)
        case .inline(let facts, let content): self.init(facts, .inline(content))
        case .descriptor(let facts): self.init(facts, box, base: 0)
        case .region(let facts, let offset): self.init(facts, box, base: offset)
        case .windows(let facts, let object): self.init(facts, .windows(object))
        case .remote(let facts, let object, let nodes):
            self.init(facts, .remote(object, nodes))
        }
    }

    private init?(_ facts: FileFacts, _ box: DescriptorBox?, base: UInt64) {
        guard let descriptor = box?.take() else { return nil }
        self.init(facts, .file(SharedDescriptor(descriptor), base: base))
    }
}
