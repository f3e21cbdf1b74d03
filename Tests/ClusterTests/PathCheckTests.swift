import Model
import Replication
import Testing

@testable import Cluster

@Suite struct PathCheckTests {
    private let operation = OperationID(bits: Bits128(high: 1, low: 1))

    private func path(_ text: String) -> StorePath {
        guard let path = try? StorePath(validating: Array(text.utf8)) else {
            preconditionFailure("no path: \(text)")
        }
        return path
    }

    private var digest: Digest {
        guard let digest = Digest(bytes: [UInt8](repeating: 1, count: 32)) else {
            preconditionFailure("32 bytes")
        }
        return digest
    }

    private func put(_ text: String, isRepeat: Bool = false) -> PathCheck {
        let content = FileContent(
            byteCount: 1, digest: digest, contentType: "", modified: nil,
            object: ObjectID(bits: Bits128(high: 0, low: 1)))
        return PathCheck(before: .put(path(text), content, .none, operation), isRepeat: isRepeat)
    }

    /// Answers until something is decided; what is in `directories` and `files` is there.
    private func run(
        _ check: PathCheck, directories: [String] = [], files: [String] = [],
        isApplied: Bool = false
    ) -> (step: PathCheck.Step, asked: Int) {
        var check = check
        var asked = 0
        while case .ask(let question) = check.step {
            asked += 1
            switch question {
            case .directory(let path): check.answered(directories.contains(path.text))
            case .file(let path): check.answered(files.contains(path.text))
            case .isApplied: check.answered(isApplied)
            }
        }
        return (check.step, asked)
    }

    /// The path's own holders look in the decision of the write.
    @Test func ofAFilesOwnPathNothingIsAsked() {
        let (step, asked) = run(put("/a/b"), directories: ["/a", "/a/b"])
        #expect(step == .passed)
        #expect(asked == 1)
        #expect(run(put("/a")) == (.passed, 0))
        let deletion = PathCheck(before: .delete(path("/a"), .none, operation), isRepeat: false)
        #expect(deletion.step == .passed)
        #expect(!put("/a").isCertain)
    }

    @Test func whereTheHoldersDoNotLookItIsAsked() {
        let content = FileContent(
            byteCount: 1, digest: digest, contentType: "", modified: nil,
            object: ObjectID(bits: Bits128(high: 0, low: 1)))
        let check = PathCheck(
            before: .put(path("/a/b"), content, .none, operation), isRepeat: false,
            asksOwnPath: true)
        #expect(run(check, directories: ["/a", "/a/b"]) == (.refused(.isDirectory), 1))
        #expect(run(check, directories: ["/a"]) == (.passed, 2))
    }

    @Test func whereAHolderKnowsADirectoryItIsMadeCertain() {
        let doubt = PathCheck(inDoubtOf: path("/a"), isRepeat: false)
        #expect(run(doubt, directories: ["/a"]).step == .refused(.isDirectory))
        let repeated = PathCheck(inDoubtOf: path("/a"), isRepeat: true)
        #expect(run(repeated, directories: ["/a"]).step == .refused(.isDirectory))
        #expect(run(repeated, directories: ["/a"], isApplied: true).step == .passed)
        #expect(run(doubt) == (.passed, 1))
        var gone = doubt
        #expect(!gone.isCertain)
        gone.answered(false)
        #expect(gone.isCertain)
    }

    @Test func nothingComesBelowAFile() {
        #expect(run(put("/a/b/c/d"), files: ["/a"]).step == .refused(.notADirectory))
        #expect(run(put("/a/b"), files: ["/a"]).step == .refused(.notADirectory))
        let directory = PathCheck(
            before: .makeDirectory(path("/a/b"), operation), isRepeat: false)
        #expect(run(directory, files: ["/a"]).step == .refused(.notADirectory))
        #expect(run(directory, files: ["/a/b"]).step == .refused(.notADirectory))
        #expect(run(directory, directories: ["/a"]).step == .passed)
    }

    /// Where a directory has the name of a file, what is below it is below the directory.
    @Test func aDirectoryThatIsThereIsAskedNoFurther() {
        let (step, asked) = run(
            put("/a/b/c/d"), directories: ["/a", "/a/b", "/a/b/c"], files: ["/a"])
        #expect(step == .passed)
        #expect(asked == 1)
        let again = PathCheck(before: .makeDirectory(path("/a"), operation), isRepeat: false)
        #expect(run(again, directories: ["/a"], files: ["/a"]).step == .passed)
    }

    @Test func whatWasAppliedIsAnsweredAsTheFirstTime() {
        let repeated = put("/a/b", isRepeat: true)
        #expect(run(repeated, files: ["/a"], isApplied: true).step == .passed)
        #expect(run(repeated, files: ["/a"]).step == .refused(.notADirectory))
        #expect(run(put("/a/b"), files: ["/a"], isApplied: true).step == .refused(.notADirectory))
    }
}
