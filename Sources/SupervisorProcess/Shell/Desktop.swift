internal import Glibc
internal import Loop
internal import Posix

/// A person at a desktop who starts a node in a terminal gets its dashboard in a browser.
enum Desktop {
    /// Opens `url` where there is a desktop session and a terminal; else nothing.
    static func open(
        _ url: String, _ loop: EventLoop, _ programs: Programs,
        environment: (String) -> String?
    ) {
        let hasDisplay = environment("DISPLAY") != nil || environment("WAYLAND_DISPLAY") != nil
        let opener = "/usr/bin/xdg-open"
        guard hasDisplay, isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1,
            unsafe access(opener, X_OK) == 0
        else { return }
        let command = ChildProcess.Command(
            file: programs.path(Programs.exec),
            arguments: [
                Programs.exec, "--parent", String(SelfProcess.pid), "--", opener, url,
            ],
            environment: Environment.all, standard: (.null, .null, .null))
        do throws(PosixError) {
            _ = try ChildProcess(loop, command) { _ in }
        } catch {
            // A browser that does not open is no reason to say anything: the URL stands there.
        }
    }
}
