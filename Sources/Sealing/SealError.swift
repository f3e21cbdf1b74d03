/// Why sealed bytes cannot be opened.
package enum SealError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not what was written: damaged, changed, cut off, moved or put together from several.
    case notAuthentic
    /// The content of another object lies here.
    case otherObject
    /// Sealed under a key that is not in the ring.
    case unknownEpoch(UInt32)
    /// Of a version of the format that this program does not know.
    case unknownFormat

    package var description: String {
        switch self {
        case .notAuthentic: "it is not what was written: damaged or changed"
        case .otherObject: "it belongs to another object"
        case .unknownEpoch(let epoch):
            "it is encrypted with the data key \(epoch), which is not here"
        case .unknownFormat: "its format is not known: a newer version of clusterf wrote it"
        }
    }
}
