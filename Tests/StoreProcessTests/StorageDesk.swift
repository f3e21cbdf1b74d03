import Cluster
import Foundation
import IPC
import Model
import Replication
import Synchronization
import Testing

@testable import StoreProcess

/// Hands the writer's answers to the brain's requests, and what readers found, to those who wait.
final class StorageDesk: Sendable {
    private struct Waiting {
        var answers: [UInt64: CheckedContinuation<StorageAnswer, Never>] = [:]
        var findings: [UInt64: CheckedContinuation<Finding, Never>] = [:]
        /// Tickets in the order of their answers.
        var order: [UInt64] = []
        var groups: [[UInt64]] = []
        var unused: [OperationID] = []
        var nextTicket: UInt64 = 0
    }

    private let waiting = Mutex(Waiting())

    var outlets: WriterOutlets {
        WriterOutlets(
            committed: { self.committed($0) }, published: { _ in }, checkpointDue: {},
            housekeepingFinished: {})
    }

    func committed(_ committed: Committed) {
        let ready = waiting.withLock { waiting in
            waiting.unused += committed.unusedStaging
            waiting.order += committed.storage.map(\.ticket)
            if !committed.storage.isEmpty {
                waiting.groups.append(committed.storage.map(\.ticket))
            }
            return committed.storage.map { ticket, answer in
                (waiting.answers.removeValue(forKey: ticket), answer)
            }
        }
        for (continuation, answer) in ready { continuation?.resume(returning: answer) }
    }

    func found(_ finding: Finding) {
        let continuation = waiting.withLock { $0.findings.removeValue(forKey: finding.ticket) }
        continuation?.resume(returning: finding)
    }

    var order: [UInt64] { waiting.withLock { $0.order } }
    var groups: [[UInt64]] { waiting.withLock { $0.groups } }
    var unused: [OperationID] { waiting.withLock { $0.unused } }

    func nextTicket() -> UInt64 {
        waiting.withLock { waiting in
            waiting.nextTicket += 1
            return waiting.nextTicket
        }
    }

    func apply(_ mutation: Mutation, _ writer: Writer) async -> StorageAnswer {
        let ticket = nextTicket()
        return await withCheckedContinuation { continuation in
            waiting.withLock { $0.answers[ticket] = continuation }
            writer.submit(mutation, ticket: ticket)
        }
    }

    @discardableResult
    func run(
        _ request: ReplicaRequest, _ contents: [ObjectID: NewContent]? = nil, _ writer: Writer
    ) async throws -> ReplicaOutcome {
        let job = StorageJob(
            .replica(request), contents: contents ?? Sample.contents(of: request), at: .zero)
        guard case .replica(let outcome) = await apply(.storage(job), writer) else {
            throw CorruptRow(description: "another answer")
        }
        return outcome
    }

    /// Writes a file, from its assignment to its commit.
    func put(
        _ path: StorePath, _ number: UInt64, _ contents: [ObjectID: NewContent]? = nil,
        _ writer: Writer
    ) async throws -> RegisterVersion {
        let outcome = try await run(Sample.assign(path, number), contents, writer)
        let version = try #require(outcome.madeVersion)
        let commit = ReplicaRequest.commit(.file(path), version, listed: true)
        #expect(try await run(commit, [:], writer).reply == .committed)
        return version
    }

    func ask(_ question: Question, _ readers: Readers) async throws -> Finding.Answer {
        let ticket = nextTicket()
        let finding = await withCheckedContinuation { continuation in
            waiting.withLock { $0.findings[ticket] = continuation }
            readers.ask(question, ticket: ticket)
        }
        return try finding.answer.get()
    }
}
