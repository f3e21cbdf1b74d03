internal import Model

/// What a person said of encryption at rest, checked.
struct EncryptionOptions: Equatable {
    /// Nil: nothing is encrypted.
    var phrase: EncryptionPhrase?
    /// What is wrong, for people, and keeps nothing from working.
    var notes: [String] = []

    private static let hint =
        "at least \(EncryptionPhrase.byteCountMin) characters, or a file of as many bytes:"
        + " clusterfctl keygen FILE makes a good one"

    init(_ given: GivenOptions) throws(StartError) {
        if let key = given[.encryptionKey], let file = given[.encryptionKeyFile] {
            throw StartError(
                .usage, "\(key.place) and \(file.place) contradict each other",
                hint: "leave one of them out")
        }
        if let value = given[.encryptionKey] {
            phrase = try EncryptionOptions.phrase(value.text.utf8, value.place)
            if value.place.hasPrefix("--") {
                notes.append(
                    "\(value.place) shows the encryption key to every user of this machine, in the list"
                        + " of processes: --encryption-key-file does not")
            }
        } else if let value = given[.encryptionKeyFile] {
            let file = try SecretFile.read(
                value.text, place: value.place, what: "encryption key",
                hint: EncryptionOptions.hint)
            phrase = try EncryptionOptions.phrase(file.bytes, "\(value.place): \(value.text)")
            notes += [file.warning].compactMap { $0 }
        }
    }

    private static func phrase(
        _ bytes: some Collection<UInt8>, _ place: String
    ) throws(StartError) -> EncryptionPhrase {
        do throws(EncryptionPhrase.Flaw) {
            return try EncryptionPhrase(bytes)
        } catch {
            throw StartError(
                .usage, "\(place) is no encryption key: \(error.sentence)", hint: hint)
        }
    }

    /// What the store is told, and nobody else.
    var storeSettings: [String: String] {
        phrase.map { [ConfigurationKey.encryptionKey: Hex.encode($0.bytes)] } ?? [:]
    }
}
