internal import TOMLKit

/// The options in a TOML file: the names of the command line at the top level, no tables.
enum ConfigurationFile {
    /// - Parameter place: the file, in the words of a message.
    static func parse(_ text: String, place: String) throws(StartError) -> GivenOptions {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw StartError(
                .usage,
                "\(place), line \(error.source.begin.line): \(error.description)")
        } catch {
            throw StartError(.usage, "\(place): \(error)")
        }
        var given = GivenOptions()
        for key in table.keys.sorted() {
            let name = String(key.map { $0 == "_" ? "-" : $0 })
            let where_ = "\(key) in \(place)"
            if OptionName.later.contains(name) { throw GivenOptions.notAvailable(where_) }
            guard let option = OptionName(rawValue: name) else {
                throw StartError(
                    .usage, "unknown option \(where_)",
                    hint: "the names are those of `clusterf-supervisor --help`, without --")
            }
            guard given[option] == nil else {
                throw StartError(.usage, "\(name) stands twice in \(place)")
            }
            given[option] = .init(
                texts: try texts(of: table[key], option, place: where_), place: where_)
        }
        return given
    }

    private static func texts(
        of value: (any TOMLValueConvertible)?, _ option: OptionName, place: String
    ) throws(StartError) -> [String] {
        switch option.kind {
        case .text:
            if let text = value?.string { return [text] }
            throw StartError(.usage, "\(place) must be a string")
        case .number:
            if let number = value?.int { return [String(number)] }
            throw StartError(.usage, "\(place) must be a whole number")
        case .flag:
            if let flag = value?.bool { return [flag ? "true" : "false"] }
            throw StartError(.usage, "\(place) must be true or false")
        case .list:
            if let text = value?.string { return [text] }
            let texts = value?.array?.compactMap(\.string)
            if let texts, texts.count == value?.array?.count, !texts.isEmpty { return texts }
            throw StartError(.usage, "\(place) must be a string or a list of strings")
        }
    }
}
