/// The numbers of this room, each with its reason.
package enum WebDAVLimits {
    // MARK: Bodies

    /// A request's XML. Real clients send some hundred bytes, Office a few KiB of properties; a
    /// resource keeps no more than `propertiesByteCountMax`, of which UTF-16 may double each byte.
    package static let bodyByteCountMax = 256 << 10

    /// Elements inside each other. Requests need four; a property's value has the rest.
    package static let depthMax = 64

    /// Elements of a body: the shortest takes four bytes, and each costs some hundred in memory.
    package static let elementCountMax = 8192

    /// Attributes of one element, declarations of namespaces among them. Each is compared with the
    /// others of its element, so this bounds the work per byte.
    package static let attributesPerElementMax = 64

    /// Declarations of namespaces that are in scope at one place: each name is looked up in them.
    package static let bindingsInScopeMax = 128

    /// A name of XML, prefix and colon included: as a name in a directory.
    package static let nameByteCountMax = 255

    /// A namespace's name. Each property answered in it repeats it.
    package static let namespaceByteCountMax = 1024

    // MARK: Properties

    /// Properties of one PROPFIND, those that are included among them, and the bytes of their elements:
    /// each that a resource lacks is answered for it. Clients ask for twenty.
    package static let propertiesAskedMax = 256
    package static let propertiesAskedByteCountMax = 16 << 10

    /// Changes of one PROPPATCH.
    package static let propertyChangesMax = 256

    /// Dead properties of one resource, and their bytes as XML together: each version of a file has
    /// them, and with the lengths that the stored form adds they stay below 16 KiB.
    package static let propertiesMax = 128
    package static let propertiesByteCountMax = 14 << 10

    // MARK: Header fields

    /// Lists of an If header, and conditions of all of them: as many tokens as a write may show its
    /// holders. Office and Finder send one or two.
    package static let ifListsMax = 64
    package static let ifConditionsMax = 64

    /// A state token or entity tag of an If header: ours have 45 and 66 bytes.
    package static let ifWordByteCountMax = 1024

    /// Choices of a Timeout header that are looked at.
    package static let timeoutChoicesMax = 8

    // MARK: Locks

    /// What a LOCK without a Timeout gets, in seconds: clients refresh at half of it.
    package static let lockSecondsDefault: UInt32 = 600

    /// The longest time between two refreshes: a file whose client died is free again after it.
    package static let lockSecondsMax: UInt32 = 3600

    /// The owner's words, as XML with its element: they are kept with the lock on every holder.
    package static let lockOwnerByteCountMax = 1024

    // MARK: Answers

    /// A Depth infinity PROPFIND of more resources than this is refused (RFC 4918 section 9.1.1).
    package static let infiniteDepthCountMax = 10_000
}
