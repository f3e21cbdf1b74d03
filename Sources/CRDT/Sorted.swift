extension Array {
    /// The first index whose element is not before what is looked for, in an array sorted so.
    /// - Complexity: O(log count).
    func lowerBound(_ isBefore: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The longest beginning of `text` of at most `max` bytes that ends between two characters.
func prefix(of text: String, byteCountMax max: Int) -> String {
    if text.utf8.count <= max { return text }
    var end = text.startIndex
    for index in text.indices.dropFirst() {
        if text.utf8.distance(from: text.startIndex, to: index) > max { break }
        end = index
    }
    return String(text[..<end])
}
