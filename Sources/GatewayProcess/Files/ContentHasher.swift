internal import Crypto
internal import Model

/// SHA-256 of content as it arrives.
struct ContentHasher {
    private var hasher = SHA256()

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        unsafe hasher.update(bufferPointer: bytes)
    }

    func digest() -> Model.Digest {
        guard let digest = Model.Digest(bytes: [UInt8](hasher.finalize())) else {
            preconditionFailure("a SHA-256 that is not 32 bytes")
        }
        return digest
    }

    static func digest(of bytes: [UInt8]) -> Model.Digest {
        var hasher = ContentHasher()
        unsafe bytes.withUnsafeBytes { unsafe hasher.update($0) }
        return hasher.digest()
    }
}
