import Model
import Testing
import WebDAV

struct ResourceRulesTests {
    private typealias Presence = ResourceRules.Presence

    @Test(
        arguments: [
            (false, ResourceRules.Presence.absent, ResourceRules.Presence.collection, nil),
            (true, .absent, .collection, .unsupportedMediaType),
            (false, .file, .collection, .methodNotAllowed),
            (false, .collection, .collection, .methodNotAllowed),
            (false, .absent, .absent, .conflict),
            (false, .absent, .file, .conflict),
        ] as [(Bool, ResourceRules.Presence, ResourceRules.Presence, DAVStatus?)])
    func mkcolMakesCollectionsInCollections(
        hasBody: Bool, presence: ResourceRules.Presence, parent: ResourceRules.Presence,
        expected: DAVStatus?
    ) {
        #expect(
            status { () throws(DAVFault) in
                try ResourceRules.mkcol(hasBody: hasBody, at: presence, parent: parent)
            } == expected)
    }

    @Test func putMakesAndReplacesFiles() throws {
        #expect(
            try ResourceRules.put(at: .absent, parent: .collection, hasSlash: false) == .created)
        #expect(
            try ResourceRules.put(at: .file, parent: .collection, hasSlash: false) == .noContent)
        for (presence, parent, hasSlash, expected) in [
            (Presence.collection, Presence.collection, false, DAVStatus.methodNotAllowed),
            (.absent, .absent, false, .conflict), (.absent, .file, false, .conflict),
            (.absent, .collection, true, .conflict),
        ] {
            #expect(
                status { () throws(DAVFault) in
                    _ = try ResourceRules.put(at: presence, parent: parent, hasSlash: hasSlash)
                } == expected)
        }
    }

    @Test func lockMakesAFileWhereNothingIs() throws {
        for (presence, hasSlash, expected) in [
            (Presence.absent, false, DAVStatus.created), (.file, false, .ok),
            (.collection, false, .ok), (.collection, true, .ok),
        ] {
            #expect(
                try ResourceRules.lock(at: presence, parent: .collection, hasSlash: hasSlash)
                    == expected)
        }
        for (parent, hasSlash) in [(Presence.absent, false), (.file, false), (.collection, true)] {
            #expect(
                status { () throws(DAVFault) in
                    _ = try ResourceRules.lock(at: .absent, parent: parent, hasSlash: hasSlash)
                } == .conflict)
        }
    }

    @Test(arguments: [
        (
            "/a", ResourceRules.Presence.file, "/b", ResourceRules.Presence.absent, Depth.infinity,
            true, DAVStatus.created
        ),
        ("/a", .file, "/b", .file, .infinity, true, .noContent),
        ("/a", .file, "/b", .collection, .infinity, true, .noContent),
        ("/a", .file, "/b", .file, .infinity, false, .preconditionFailed),
        ("/a", .file, "/b", .absent, .infinity, false, .created),
        ("/a", .absent, "/b", .absent, .infinity, true, .notFound),
        ("/a", .file, "/a", .file, .infinity, true, .forbidden),
        ("/a", .collection, "/a/b", .absent, .infinity, true, .forbidden),
        ("/a", .collection, "/a/b", .absent, .zero, true, .created),
        ("/a/b", .file, "/a", .collection, .infinity, true, .forbidden),
        ("/a", .collection, "/ab", .absent, .infinity, true, .created),
    ])
    func transfersAreJudged(
        source: String, presence: ResourceRules.Presence, destination: String,
        target: ResourceRules.Presence, depth: Depth, overwrites: Bool, expected: DAVStatus
    ) {
        var result: DAVStatus?
        let fault = status { () throws(DAVFault) in
            result = try ResourceRules.transfer(
                from: path(source), presence, to: path(destination), target,
                parent: .collection, depth: depth, overwrites: overwrites)
        }
        #expect((fault ?? result) == expected)
    }

    @Test func transfersGoIntoCollections() {
        for parent in [Presence.absent, .file] {
            #expect(
                status { () throws(DAVFault) in
                    _ = try ResourceRules.transfer(
                        from: path("/a"), .file, to: path("/x/y"), .absent, parent: parent,
                        depth: .infinity, overwrites: true)
                } == .conflict)
        }
    }
}
