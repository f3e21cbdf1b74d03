internal import Glibc
internal import Posix

/// A pipe for the output of a child: we read without waiting, it writes as programs do.
struct Pipe {
    let reader: DescriptorBox
    let writer: DescriptorBox

    static func make() throws(PosixError) -> Pipe {
        var ends: [Int32] = [-1, -1]
        if unsafe pipe(&ends) < 0 { throw PosixError(errno, "pipe") }
        let reader = Descriptor(owning: ends[0])
        let writer = Descriptor(owning: ends[1])
        try reader.setCloseOnExec(true)
        try writer.setCloseOnExec(true)
        try reader.setNonblocking(true)
        return Pipe(reader: DescriptorBox(reader), writer: DescriptorBox(writer))
    }
}
