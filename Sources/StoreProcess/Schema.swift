internal import GRDB
internal import Model
internal import Posix
internal import SealedDatabase

/// The database `meta/store.db`: its tables, its connections and their settings.
///
/// Every table is described in docs/FORMATS.md. Migrations are only appended; a database that has
/// one that is not known here was written by a newer program and is refused.
enum Schema {
    static let fileName = "store.db"

    /// The migrations, oldest first.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(sql: version1)
            // With the tables, so that whoever sees them sees whose they are.
            var entropy = Entropy()
            let disk = DiskID(using: &entropy)
            try database.execute(
                sql: """
                    INSERT INTO state(key, value) VALUES('disk', x'\(disk.hex)');
                    INSERT INTO state(key, value) VALUES('created', \(WallClock.now.nanoseconds));
                    """)
        }
        migrator.registerMigration("2") { database in
            try database.execute(sql: version2)
            try Adoption.run(database)
        }
        migrator.registerMigration("3") { database in
            try database.execute(sql: version3)
            try KeptAdoption.run(database)
        }
        migrator.registerMigration("4") { try $0.execute(sql: version4) }
        migrator.registerMigration("5") { try $0.execute(sql: version5) }
        migrator.registerMigration("6") { try $0.execute(sql: version6) }
        // No table changes: values in rows may have properties, which programs before cannot read.
        migrator.registerMigration("7") { _ in }
        return migrator
    }

    private static let version1 = """
        CREATE TABLE state(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE records(
            path BLOB PRIMARY KEY, partition INTEGER NOT NULL,
            disk BLOB NOT NULL, sequence INTEGER NOT NULL, time INTEGER NOT NULL,
            context BLOB NOT NULL, size INTEGER NOT NULL, digest BLOB NOT NULL,
            type TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,
            object BLOB NOT NULL, home INTEGER NOT NULL, operation BLOB NOT NULL,
            outcome INTEGER NOT NULL, content INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE entries(
            directory BLOB NOT NULL, name BLOB NOT NULL, kind INTEGER NOT NULL,
            disk BLOB NOT NULL, sequence INTEGER NOT NULL, time INTEGER NOT NULL,
            size INTEGER NOT NULL, digest BLOB NOT NULL, type TEXT NOT NULL,
            created INTEGER NOT NULL, modified INTEGER NOT NULL,
            PRIMARY KEY(directory, name)) WITHOUT ROWID;
        CREATE TABLE marks(
            path BLOB PRIMARY KEY, disk BLOB NOT NULL, sequence INTEGER NOT NULL,
            time INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE operations(
            id BLOB PRIMARY KEY, at INTEGER NOT NULL, result BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE partitions(
            id INTEGER PRIMARY KEY, files INTEGER NOT NULL, bytes INTEGER NOT NULL);
        CREATE TABLE content(
            sequence INTEGER PRIMARY KEY, object BLOB NOT NULL, path BLOB NOT NULL,
            modified INTEGER NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE staged(
            sequence INTEGER PRIMARY KEY, operation BLOB NOT NULL, object BLOB NOT NULL);
        CREATE TABLE view_dirty(
            sequence INTEGER PRIMARY KEY, path BLOB NOT NULL, failed INTEGER NOT NULL);
        CREATE TABLE garbage(
            sequence INTEGER PRIMARY KEY, object BLOB NOT NULL, path BLOB NOT NULL);
        """

    /// Registers and entries of the cluster's partitions.
    private static let version2 = """
        ALTER TABLE partitions ADD COLUMN counter INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE partitions ADD COLUMN items INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE partitions ADD COLUMN contents BLOB NOT NULL DEFAULT x'';
        ALTER TABLE partitions ADD COLUMN context BLOB NOT NULL DEFAULT x'';
        CREATE INDEX records_of_partition ON records(partition);
        CREATE INDEX staged_objects ON staged(object);
        CREATE TABLE registers(
            partition INTEGER NOT NULL, kind INTEGER NOT NULL, path BLOB NOT NULL,
            since INTEGER, register BLOB NOT NULL,
            PRIMARY KEY(partition, kind, path)) WITHOUT ROWID;
        CREATE INDEX unsettled_registers ON registers(since) WHERE since IS NOT NULL;
        CREATE TABLE listings(
            partition INTEGER NOT NULL, directory BLOB NOT NULL, name BLOB NOT NULL,
            live INTEGER NOT NULL, entry BLOB NOT NULL,
            PRIMARY KEY(partition, directory, name)) WITHOUT ROWID;
        CREATE TABLE directories(
            partition INTEGER NOT NULL, path BLOB NOT NULL, live INTEGER NOT NULL,
            rank BLOB NOT NULL, PRIMARY KEY(partition, path)) WITHOUT ROWID;
        CREATE TABLE entry_outbox(
            kind INTEGER NOT NULL, path BLOB NOT NULL, partition INTEGER NOT NULL,
            PRIMARY KEY(kind, path)) WITHOUT ROWID;
        CREATE TABLE objects(
            object BLOB PRIMARY KEY, refs INTEGER NOT NULL, state INTEGER NOT NULL,
            content INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE meta(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        """

    /// What is kept of superseded and deleted files.
    private static let version3 = """
        CREATE TABLE kept(
            path BLOB NOT NULL, disk BLOB NOT NULL, sequence INTEGER NOT NULL,
            since INTEGER NOT NULL, size INTEGER NOT NULL, object BLOB NOT NULL,
            conflict INTEGER NOT NULL, here INTEGER NOT NULL,
            PRIMARY KEY(path, disk, sequence)) WITHOUT ROWID;
        CREATE INDEX kept_objects ON kept(object);
        CREATE INDEX kept_by_age ON kept(since) WHERE here AND NOT conflict;
        CREATE TABLE trash(path BLOB PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
        """

    /// What is below the directories that have quotas.
    private static let version4 = """
        CREATE TABLE quotas(id INTEGER PRIMARY KEY, directory BLOB NOT NULL, position BLOB);
        CREATE TABLE quota_sums(
            quota INTEGER NOT NULL, partition INTEGER NOT NULL, bytes INTEGER NOT NULL,
            PRIMARY KEY(quota, partition)) WITHOUT ROWID;
        """

    /// Moves that are not over.
    private static let version5 = """
        CREATE TABLE moves(
            id BLOB PRIMARY KEY, operation BLOB NOT NULL, source BLOB NOT NULL,
            disk BLOB NOT NULL, sequence INTEGER NOT NULL, destination BLOB NOT NULL,
            placed INTEGER NOT NULL) WITHOUT ROWID;
        """

    /// What files of objects are like, and which are to be kept apart.
    private static let version6 = """
        ALTER TABLE objects ADD COLUMN stamp BLOB;
        CREATE TABLE apart(sequence INTEGER PRIMARY KEY, object BLOB NOT NULL);
        CREATE INDEX apart_objects ON apart(object);
        INSERT INTO apart(object) SELECT object FROM objects WHERE state = 2;
        DELETE FROM state WHERE key = 'unwatched';
        """

    /// Opens a connection. It belongs to one thread, which stays within `inDatabase`.
    /// - Parameter sealed: what an encrypted directory's database is opened through.
    static func connect(
        _ directory: BytePath, _ sealed: SealedFiles? = nil, cachePages: Int,
        readOnly: Bool = false, file: String = fileName, first: String = ""
    ) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.readonly = readOnly
        configuration.allowsUnsafeTransactions = true
        // A checkpoint's last step excludes others for microseconds.
        configuration.busyMode = .timeout(10)
        if !readOnly, sealed == nil { configuration.journalMode = .wal }
        configuration.prepareDatabase { database in
            if sealed != nil, let connection = unsafe database.sqliteConnection {
                unsafe try SealedFiles.reserveBytes(connection)
            }
            // Before there is a page: the log's pragma makes one.
            if !first.isEmpty { try database.execute(sql: first) }
            if sealed != nil, !readOnly {
                // GRDB looks for the log by a path, which this database is not opened by.
                try database.execute(sql: "PRAGMA journal_mode = WAL")
            }
            // secure_delete=FAST: Debian's default would write zeros over every page that a removed
            // row leaves.
            try database.execute(
                sql: """
                    PRAGMA secure_delete = FAST;
                    PRAGMA cache_size = \(cachePages);
                    PRAGMA mmap_size = 0;
                    PRAGMA wal_autocheckpoint = 0;
                    PRAGMA temp_store = MEMORY;
                    """)
        }
        let path = directory.appending(file)
        let queue = try DatabaseQueue(
            path: sealed?.uri(path.bytes) ?? path.description, configuration: configuration)
        // GRDB sets NORMAL when it turns on the log, which is after `prepareDatabase`; NORMAL does not
        // sync the log at a commit.
        try queue.inDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return queue
    }

    /// Brings the tables up to date.
    /// - Throws: `PermanentFailure` for a database of a newer program.
    static func migrate(_ queue: DatabaseQueue) throws {
        if try queue.read({ try migrator.hasBeenSuperseded($0) }) {
            throw PermanentFailure(
                "meta/\(fileName) was written by a newer version of clusterf: "
                    + "start that version, or use another data directory")
        }
        try migrator.migrate(queue)
    }
}
