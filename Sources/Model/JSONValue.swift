/// A JSON text that was read (RFC 8259).
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// As it was written, so that `300`, `300.0` and `3e2` are told apart.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// In the order of the text; no two of one name.
    case object([Member])

    package struct Member: Hashable, Sendable {
        package var name: String
        package var value: JSONValue

        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// The member's value; nil where there is none, or this is no object.
    package subscript(name: String) -> JSONValue? {
        members?.first { $0.name == name }?.value
    }

    /// Nil where this is no object.
    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// Nil where this is no array.
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// Nil where this is no string.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// Nil where this is neither true nor false.
    package var truth: Bool? {
        if case .bool(let truth) = self { truth } else { nil }
    }

    /// A number written in digits alone, perhaps with a minus before them, that 64 bits hold; nil
    /// for anything else, also for `1.0`, `1e2` and `-0`.
    package var wholeNumber: Int64? {
        guard case .number(let text) = self, text != "-0" else { return nil }
        return Int64(text)
    }
}
