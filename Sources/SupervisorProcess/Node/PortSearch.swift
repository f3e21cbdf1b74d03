internal import Glibc
internal import Posix

/// The choice of a port: the one that was asked for, the kept one, or a free one.
struct PortSearch {
    /// As it stands on the command line.
    var option: String
    /// 0: not asked for.
    var wanted: UInt16
    var kept: UInt16?

    /// Which address could not be bound, and why.
    struct Failure: Error {
        var address: BindAddress
        var cause: PosixError
    }

    /// Finds a port at which `bind` succeeds. A wanted one is taken or refused, never replaced; a kept one
    /// that somebody else took is replaced, with a note.
    func find(
        notes: inout [String], using generator: inout some RandomNumberGenerator,
        bind: (UInt16) throws(Failure) -> Void
    ) throws(StartError) -> UInt16 {
        if wanted != 0 {
            do throws(Failure) {
                try bind(wanted)
                return wanted
            } catch {
                throw startError(error, port: wanted)
            }
        }
        if let kept {
            if try isBound(kept, bind) { return kept }
            notes.append("the kept \(option) \(kept) is in use by another program: moved")
        }
        for _ in 0..<SupervisorLimits.portTrialsMax {
            let port = UInt16.random(in: SupervisorLimits.automaticPorts, using: &generator)
            if try isBound(port, bind) { return port }
        }
        let range = SupervisorLimits.automaticPorts
        throw StartError(
            .unavailable,
            "no free port found of \(range.lowerBound) to \(range.upperBound)",
            hint: "name one with \(option)")
    }

    /// False where somebody else has the port.
    private func isBound(
        _ port: UInt16, _ bind: (UInt16) throws(Failure) -> Void
    ) throws(StartError) -> Bool {
        do throws(Failure) {
            try bind(port)
            return true
        } catch {
            guard error.cause.code == EADDRINUSE else { throw startError(error, port: port) }
            return false
        }
    }

    private func startError(_ failure: Failure, port: UInt16) -> StartError {
        let address = failure.address
        switch failure.cause.code {
        case EADDRINUSE:
            return StartError(
                .unavailable,
                "\(option) \(port) is in use by another program (on \(address))",
                hint: "stop that program, or choose another \(option) (0: a free one)")
        case EACCES:
            return StartError(
                .unavailable, "\(option) \(port) may not be used by this user",
                hint: "ports below 1024 need root, CAP_NET_BIND_SERVICE or socket activation")
        case EADDRNOTAVAIL:
            return StartError(
                .unavailable, "--bind \(address) is no address of this machine")
        default:
            return StartError(
                .unavailable, "cannot listen on \(address), \(option) \(port): \(failure.cause)")
        }
    }
}

extension Configuration {
    /// Binds every address that was asked for.
    ///
    /// A machine without IPv6 (or IPv4) is served by the other, unless both were asked for.
    /// - Returns: what says which addresses are not there.
    func bindAll(
        _ body: (BindAddress) throws(PosixError) -> Void
    ) throws(PortSearch.Failure) -> [String] {
        var notes: [String] = []
        for address in bind {
            do throws(PosixError) {
                try body(address)
            } catch {
                let isAbsent = [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.code)
                guard isAbsent, !isBindExplicit else {
                    throw PortSearch.Failure(address: address, cause: error)
                }
                notes.append("not listening on \(address): \(error)")
            }
        }
        if notes.count == bind.count, let address = bind.first {
            throw PortSearch.Failure(address: address, cause: PosixError(EADDRNOTAVAIL, "bind"))
        }
        return notes
    }
}
