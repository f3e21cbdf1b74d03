/// The numbers of encryption at rest, each with its reason.
package enum SealingLimits {
    /// Bytes of content that are sealed together: a range decrypts at most one chunk more than it needs
    /// at either end, and the 16 bytes of a tag are 0.02 % of it.
    package static let chunkByteCount = 64 << 10

    /// AES-256.
    static let keyByteCount = 32

    /// Of AES-GCM (NIST SP 800-38D): the size for which it needs no hashing of the nonce.
    static let nonceByteCount = 12

    /// Of AES-GCM: the whole tag.
    package static let tagByteCount = 16

    /// Random, so that no two contents and no two derivations share a key.
    static let saltByteCount = 32

    /// Data keys of one directory: a rotation removes the old one when nothing is under it any more, so
    /// two are the rule; more come from rotations that were begun anew.
    package static let keyCountMax = 16

    /// The file `KEY`, with so many keys of 130 characters.
    package static let keyFileByteCountMax = 8 << 10

    /// Memory that a file `KEY` may make the derivation take: what is written there is not trusted
    /// before it was opened.
    static let scryptByteCountMax = 256 << 20

    /// The same of its time.
    static let scryptParallelismMax = 16

    /// Keys of earlier lives that are remembered: a database's pages are of the lives that wrote them
    /// last, and one derivation costs less than reading a page from a disk.
    static let lifeKeysMax = 1024
}
