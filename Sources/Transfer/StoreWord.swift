package import Model

/// What stores say to each other beside the brains and their contents. It may be lost: who asked goes on
/// without an answer.
package enum StoreWord: Hashable, Sendable {
    /// What does your disk hold?
    case asksUsage
    /// The answer: bytes of contents, and bytes that are free.
    case usage(stored: UInt64, free: UInt64)
    /// Restart your workers, please: an operator restarts the whole cluster, one node after the other.
    case asksRestart
    /// The answers: it is about to; it will not.
    case restarts
    case refusesRestart
    /// What does your disk have in the trash, at `directory` and below it, behind `after`? So many at the
    /// most.
    case asksTrash(number: UInt64, directory: StorePath, after: StorePath?, limit: UInt16)
    /// The answer.
    case trash(number: UInt64, TrashPage)

    /// What do you count of each quota?
    case asksQuotas(number: UInt64)
    /// The answer: of at most `TransferLimits.quotasMax` quotas.
    case quotas(number: UInt64, [QuotaUse])
    /// How does the check of your contents go? Begin one first, where it says so, unless one is under way.
    case asksIntegrity(number: UInt64, begins: Bool)
    /// The answer; nothing where nobody asked for one.
    case integrity(number: UInt64, ScrubSummary?)
    /// What somebody was given of this file, perhaps by you, is not what was stored, which has this digest:
    /// look at it.
    case suspects(StorePath, Digest)

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .asksUsage: writer.write(UInt8(1))
        case .usage(let stored, let free):
            writer.write(UInt8(2))
            writer.write(stored)
            writer.write(free)
        case .asksRestart: writer.write(UInt8(3))
        case .restarts: writer.write(UInt8(4))
        case .refusesRestart: writer.write(UInt8(5))
        case .asksTrash(let number, let directory, let after, let limit):
            writer.write(UInt8(6))
            writer.write(number)
            writer.writeRun(directory.bytes)
            writer.write(after != nil)
            if let after { writer.writeRun(after.bytes) }
            writer.write(limit)
        case .trash(let number, let page):
            writer.write(UInt8(7))
            writer.write(number)
            page.encode(into: &writer)
        case .asksQuotas(let number):
            writer.write(UInt8(8))
            writer.write(number)
        case .quotas(let number, let uses):
            writer.write(UInt8(9))
            writer.write(number)
            QuotaUse.encode(uses, into: &writer)
        case .asksIntegrity(let number, let begins):
            writer.write(UInt8(10))
            writer.write(number)
            writer.write(begins)
        case .integrity(let number, let summary):
            writer.write(UInt8(11))
            writer.write(number)
            writer.write(summary != nil)
            summary?.encode(into: &writer)
        case .suspects(let path, let digest):
            writer.write(UInt8(13))
            writer.writeRun(path.bytes)
            writer.write(digest)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .asksUsage
        case 2: self = .usage(stored: try reader.readUInt64(), free: try reader.readUInt64())
        case 3: self = .asksRestart
        case 4: self = .restarts
        case 5: self = .refusesRestart
        case 6:
            self = .asksTrash(
                number: try reader.readUInt64(), directory: try reader.readStorePath(),
                after: try reader.readBool() ? try reader.readStorePath() : nil,
                limit: try reader.readUInt16())
        case 7:
            self = .trash(number: try reader.readUInt64(), try TrashPage(from: &reader))
        case 8: self = .asksQuotas(number: try reader.readUInt64())
        case 9:
            self = .quotas(
                number: try reader.readUInt64(), try QuotaUse.list(from: &reader))
        case 10:
            self = .asksIntegrity(
                number: try reader.readUInt64(), begins: try reader.readBool())
        case 11:
            self = .integrity(
                number: try reader.readUInt64(),
                try reader.readBool() ? try ScrubSummary(from: &reader) : nil)
        case 13: self = .suspects(try reader.readStorePath(), try reader.readDigest())
        default: throw .unknown("word")
        }
    }
}
