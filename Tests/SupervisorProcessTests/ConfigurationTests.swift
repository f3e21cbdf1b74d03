import Model
import Posix
import Testing

@testable import SupervisorProcess

struct ConfigurationTests {
    private func read(
        _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Configuration {
        try Configuration.read(
            try CommandLineArguments.read(arguments), environment: { environment[$0] })
    }

    @Test func defaultsAreThoseOfTheManual() throws {
        let configuration = try read([])
        #expect(configuration.dataDirectory == "./data")
        #expect(configuration.httpPort == 0)
        #expect(configuration.bind.map(\.description) == ["0.0.0.0", "::"])
        #expect(configuration.webdav == "/")
        #expect(configuration.nodeID == nil)
        #expect(configuration.opensDesktop)
        #expect(!configuration.debug)
        #expect(configuration.gatewayLimits.isEmpty)
        let peers = configuration.peers
        #expect(peers.port == 0)
        #expect(peers.discoveryPort == 9999)
        #expect(peers.discoveryAddress == .everyInterface)
        #expect(peers.join.isEmpty)
        #expect(peers.clusterName.name == "default")
        #expect(peers.key == nil)
        #expect(peers.zone == nil)
        #expect(peers.capacity == nil)
        #expect(!peers.keepsNothing)
    }

    @Test func whatIsSaidOfPeersIsRead() throws {
        let peers = try read([
            "--peer-port", "31000", "--discovery-port", "9998", "--discovery-address",
            "127.255.255.255", "--join", "n2.example.org:31001", "--join", "[fe80::1]:2",
            "--cluster-name", "home", "--zone", "attic", "--capacity", "500G",
        ]).peers
        #expect(peers.port == 31_000)
        #expect(peers.discoveryPort == 9998)
        #expect(peers.discoveryAddress == .one(try #require(BindAddress("127.255.255.255"))))
        #expect(peers.join == ["n2.example.org:31001", "[fe80::1]:2"])
        #expect(peers.clusterName.name == "home")
        #expect(peers.zone == "attic")
        #expect(peers.capacity == 500 << 30)
        #expect(try read(["--discovery-address", "off"]).peers.discoveryAddress == .off)
        #expect(try read(["--capacity", "1000000"]).peers.capacity == 1_000_000)
        #expect(try read(["--no-store"]).peers.keepsNothing)
    }

    @Test func commandLineWinsOverEnvironmentOverFile() throws {
        let file = try ConfigurationFile.parse(
            "http-port = 1\nnode-id = \"file\"\ndebug = true\n", place: "f")
        let environment = try Configuration.fromEnvironment {
            ["CLUSTERF_HTTP_PORT": "2", "CLUSTERF_NODE_ID": "environment"][$0]
        }
        let line = try CommandLineArguments.read(["--http-port", "3"]).given
        let merged = try Configuration(line.over(environment).over(file))
        #expect(merged.httpPort == 3)
        #expect(merged.nodeID?.name == "environment")
        #expect(merged.debug)
    }

    @Test func everyOptionIsReadFromEverySource() throws {
        for option in OptionName.allCases {
            let text: String
            let toml: String
            switch option.kind {
            case .flag: (text, toml) = ("true", "true")
            case .number: (text, toml) = ("1", "1")
            case .list: (text, toml) = ("127.0.0.1", "[\"127.0.0.1\"]")
            case .text: (text, toml) = ("rawfile", "\"rawfile\"")
            }
            let flag = "--\(option.rawValue)"
            let line = try CommandLineArguments.read(option.kind == .flag ? [flag] : [flag, text])
            #expect(line.given[option]?.texts == [text])
            let environment = try Configuration.fromEnvironment {
                $0 == option.environmentName ? text : nil
            }
            #expect(environment[option]?.texts == [text])
            let file = try ConfigurationFile.parse("\(option.rawValue) = \(toml)", place: "f")
            #expect(file[option]?.texts == [text])
        }
    }

    @Test func laterOptionsAreRefusedByNameFromEverySource() throws {
        for name in OptionName.later {
            #expect(throws: StartError.self) { try CommandLineArguments.refuseLater(["--\(name)"]) }
            #expect(throws: StartError.self) {
                try CommandLineArguments.refuseLater(["--debug", "--\(name)=x"])
            }
            #expect(throws: StartError.self) {
                try ConfigurationFile.parse("\(name) = 1", place: "f")
            }
            let variable = OptionName.environmentName(name)
            #expect(throws: StartError.self) {
                try Configuration.fromEnvironment { $0 == variable ? "x" : nil }
            }
        }
        try CommandLineArguments.refuseLater(["--node-id", "tls-key", "--", "--tls-key"])
    }

    @Test(arguments: [
        ["--http-port", "65536"], ["--http-port=-1"], ["--http-port", ""],
        ["--http-port", "0x50"], ["--node-id", ""], ["--node-id", ".hidden"],
        ["--node-id", "a/b"], ["--bind", "example.org"], ["--bind", "1.2.3"],
        ["--bind", "::1%lo"], ["--bind", "::", "--bind", "::"], ["--data-dir", ""],
        ["--storage-major", "boltdb"], ["--storage-minor", "new"], ["--storage-minor", "0"],
        ["--storage-major", "sqlite", "--storage-minor", "99"],
        ["--webdav", "photos"],
        ["--webdav", "/a/../b"], ["--idle-timeout", "0"], ["--idle-timeout", "86401"],
        ["--max-connections", "0"], ["--max-body-bytes", "1e9"], ["--peer-port", "65536"],
        ["--discovery-port", "0"], ["--discovery-address", "everywhere"],
        ["--discovery-address", "::1"], ["--discovery-address", "0.0.0.0"], ["--join", "host"],
        ["--join", "host:0"], ["--join", ":1"], ["--join", "[::1:5]"], ["--join", "a b:1"],
        ["--join", "::1:80"], ["--cluster-name", ""], ["--cluster-name", "my cluster"],
        ["--zone", "a/b"], ["--capacity", "0"], ["--capacity", "5Q"], ["--capacity=-1"],
        ["--capacity", "99999999T"], ["--capacity", "1.5G"],
        ["--capacity", "1G", "--no-store"], ["--cluster-key-file", ""],
        ["--cluster-key-file", "/dev/null"], ["--cluster-key-file", "/nonexistent/key"],
        ["--encryption-key", "short"], ["--encryption-key", ""],
        ["--encryption-key", "correct horse", "--encryption-key-file", "/etc/hostname"],
        ["--encryption-key-file", "/dev/null"], ["--encryption-key-file", "/nonexistent/key"],
    ])
    func nonsenseIsRefused(arguments: [String]) {
        let error = #expect(throws: StartError.self) { try self.read(arguments) }
        #expect(error?.code == .usage)
    }

    @Test func aKeyFileIsReadFromEverySourceAndToldToTheGatewayAlone() throws {
        let path = "/tmp/clusterf-key-\(SelfProcess.pid)"
        let text = String(repeating: "0123456789abcdef", count: 4)
        func write(_ bytes: [UInt8], mode: UInt32) throws {
            let file = try Directory.open(
                BytePath(path), in: .workingDirectory, [.writeOnly, .create, .truncate])
            try FileIO.append(bytes, to: file)
            try FileIO.setMode(file, to: mode)
        }
        defer { try? Directory.remove(BytePath(path), in: .workingDirectory) }
        try write(Array("\(text)\n".utf8), mode: 0o640)
        let file = try ConfigurationFile.parse("cluster-key-file = \"\(path)\"", place: "x")
        for configuration in [
            try read(["--cluster-key-file", path]),
            try read([], environment: ["CLUSTERF_CLUSTER_KEY_FILE": path]),
            try Configuration(file),
        ] {
            #expect(configuration.peers.key?.key.text == text)
            #expect(configuration.peers.notes.isEmpty)
            #expect(!"\(configuration)".contains("0123456789abcdef"))
        }
        try write(Array(text.utf8), mode: 0o604)
        #expect(try read(["--cluster-key-file", path]).peers.notes.count == 1)
        try write(Array("abcd".utf8), mode: 0o600)
        let error = #expect(throws: StartError.self) {
            try self.read(["--cluster-key-file", path])
        }
        #expect(error?.code == .usage)
        #expect(error?.message.contains("32") == true)
    }

    @Test func anEncryptionKeyIsReadFromEverySourceAndShownByNone() throws {
        let path = "/tmp/clusterf-phrase-\(SelfProcess.pid)"
        let file = try Directory.open(
            BytePath(path), in: .workingDirectory, [.writeOnly, .create, .truncate])
        defer { try? Directory.remove(BytePath(path), in: .workingDirectory) }
        try FileIO.append(Array("correct horse\n".utf8), to: file)
        try FileIO.setMode(file, to: 0o600)
        let expected = try EncryptionPhrase("correct horse".utf8)
        let table = try ConfigurationFile.parse("encryption-key-file = \"\(path)\"", place: "x")
        for configuration in [
            try read(["--encryption-key", "correct horse"]),
            try read(["--encryption-key-file", path]),
            try read([], environment: ["CLUSTERF_ENCRYPTION_KEY": "correct horse"]),
            try read([], environment: ["CLUSTERF_ENCRYPTION_KEY_FILE": path]),
            try Configuration(table),
        ] {
            #expect(configuration.encryption.phrase == expected)
            #expect(!"\(configuration)".contains("horse"))
        }
        // Everybody sees a command line.
        #expect(try read(["--encryption-key", "correct horse"]).encryption.notes.count == 1)
        #expect(try read(["--encryption-key-file", path]).encryption.notes == [])
        try FileIO.setMode(file, to: 0o604)
        #expect(try read(["--encryption-key-file", path]).encryption.notes.count == 1)
        #expect(try read([]).encryption == EncryptionOptions(GivenOptions()))
        let error = #expect(throws: StartError.self) {
            try self.read(["--encryption-key", "correct horse", "--encryption-key-file", path])
        }
        #expect(
            error?.message == "--encryption-key and --encryption-key-file contradict each other")
    }

    @Test func limitsArePassedInTheUnitsOfTheGateway() throws {
        let configuration = try read([
            "--idle-timeout", "75", "--header-timeout", "10", "--max-body-bytes", "1000",
            "--max-connections", "5", "--max-connections-per-address", "2",
        ])
        #expect(
            configuration.gatewayLimits == [
                "idle_timeout_ms": "75000", "header_timeout_ms": "10000",
                "max_body_bytes": "1000", "max_connections": "5",
                "max_connections_per_address": "2",
            ])
    }

    @Test(arguments: [
        "http-port = \"80\"", "debug = 1", "bind = [1]", "bind = []", "node-id = 5",
        "[server]\nhttp-port = 1", "http-port = 1\nhttp_port = 2", "no = ", "martian = 1",
    ])
    func aWrongFileIsRefusedAndNamed(text: String) {
        let error = #expect(throws: StartError.self) {
            try ConfigurationFile.parse(text, place: "node.toml")
        }
        #expect(error?.message.contains("node.toml") == true)
    }

    @Test func flagsInTheEnvironmentCanBeTurnedOff() throws {
        #expect(try read([], environment: ["CLUSTERF_DEBUG": "1"]).debug)
        #expect(try !read([], environment: ["CLUSTERF_DEBUG": "no"]).debug)
        #expect(throws: StartError.self) {
            try self.read([], environment: ["CLUSTERF_DEBUG": "maybe"])
        }
    }

    @Test func addressesInTheEnvironmentAreSeparatedByCommas() throws {
        let configuration = try read([], environment: ["CLUSTERF_BIND": "127.0.0.1,::1"])
        #expect(configuration.bind.map(\.urlHost) == ["127.0.0.1", "[::1]"])
        #expect(configuration.isBindExplicit)
    }
}
