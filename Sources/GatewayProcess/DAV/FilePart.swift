internal import Model

/// A part of a file that is written anew.
struct FilePart: Equatable {
    /// Where the body goes.
    var range: Range<UInt64>
    /// Of what the file is now; nil where there is none.
    var digest: Digest?
    var fileByteCount: UInt64

    /// Of the file as it will be.
    var byteCount: UInt64 { max(fileByteCount, range.upperBound) }
}
