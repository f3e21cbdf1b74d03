/// Why bytes are no XML that is read here.
package struct XMLFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Hashable, Sendable {
        case tooLong = "it is too long"
        case tooDeep = "it is nested too deeply"
        case tooManyElements = "it has too many elements"
        case tooManyAttributes = "an element has too many attributes"
        case tooManyNamespaces = "too many namespaces are in scope"
        case nameTooLong = "a name is too long"
        case foreignEncoding = "it is neither UTF-8 nor UTF-16"
        case notText = "bytes that are no text in its encoding"
        case badCharacter = "a character that XML cannot have"
        case unexpectedEnd = "it ends too early"
        case unexpectedCharacter = "a character that cannot stand there"
        case badDeclaration = "an XML declaration that is none"
        case badName = "a name that is none"
        case badReference = "a character reference that is none"
        case unknownEntity = "an entity that is not one of the five of XML"
        case documentType = "it has a document type"
        case externalEntity = "it has a document type with external entities"
        case mismatchedTag = "an end tag that does not fit"
        case duplicateAttribute = "an element has two attributes of one name"
        case unboundPrefix = "a prefix without a namespace"
        case badBinding = "a prefix is bound to what it cannot be bound to"
        case noElement = "it has no element"
        case trailingContent = "something follows the element"
    }

    package let reason: Reason
    /// Bytes of the text in UTF-8, from its start to where it was noticed.
    package let offset: Int

    package var description: String { "\(reason.rawValue) (at byte \(offset))" }
}

extension DAVFault {
    /// What a body that was not read is answered with: 400 for what is ill-formed (RFC 4918 section
    /// 8.2), 403 for what asks for external entities (section 16), 413 above a limit, 415 for an
    /// encoding that is not read (RFC 9110 section 15.5.16).
    package init(_ fault: XMLFault) {
        let message = "The body is not XML that is read here: \(fault)."
        switch fault.reason {
        case .tooLong, .tooDeep, .tooManyElements, .tooManyAttributes, .tooManyNamespaces,
            .nameTooLong:
            self.init(.contentTooLarge, message)
        case .foreignEncoding: self.init(.unsupportedMediaType, message)
        case .externalEntity:
            self.init(.forbidden, message, condition: .noExternalEntities)
        case .notText, .badCharacter, .unexpectedEnd, .unexpectedCharacter, .badDeclaration,
            .badName, .badReference, .unknownEntity, .documentType, .mismatchedTag,
            .duplicateAttribute, .unboundPrefix, .badBinding, .noElement, .trailingContent:
            self.init(.badRequest, message)
        }
    }
}
