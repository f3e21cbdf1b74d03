/// What a text may be at most: it comes from the network.
package struct XMLLimits: Hashable, Sendable {
    /// Before decoding.
    package var byteCountMax = WebDAVLimits.bodyByteCountMax
    package var depthMax = WebDAVLimits.depthMax
    package var elementCountMax = WebDAVLimits.elementCountMax
    package var attributesPerElementMax = WebDAVLimits.attributesPerElementMax
    package var bindingsInScopeMax = WebDAVLimits.bindingsInScopeMax
    package var nameByteCountMax = WebDAVLimits.nameByteCountMax
    package var namespaceByteCountMax = WebDAVLimits.namespaceByteCountMax

    package init() {}

    package static let request = XMLLimits()
}
