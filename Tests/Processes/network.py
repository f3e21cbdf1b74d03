"""A network for the tests: hosts in network namespaces of their own, on one bridge that leads nowhere else.

    with Network(5) as network:
        nodes = [NetworkNode(host, node_id=f"n{host.number}") for host in network.hosts]
        …
        network.cut(network.hosts[:2], network.hosts[2:])
        network.heal()

A node runs in its host's namespace and finds the others by ordinary broadcast. `node.client()` connects from within
the namespace, over its loopback: it reaches the node whatever is cut, and counts as the operator's own machine.
`host.client(port, address)` connects over the bridge.

No namespace has a name or a process that keeps it: each lives as long as its descriptor here and the processes in it,
so nothing is left behind however the tests end. Wants root; `obstacle()` says what is missing.
"""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess

from client import Client
from harness import Node

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
# A command of ip or nft takes milliseconds.
COMMAND_SECONDS = 30


def obstacle():
    """Why no network can be made here; None when one can."""
    missing = [tool for tool in ("ip", "nft") if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (packages iproute2, nftables)"
    try:
        Namespace().close()
    except OSError as error:
        return f"no network namespace can be made ({error.strerror}); run as root"
    return None


def _checked(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


class Namespace:
    """A network namespace. A thread enters it for a while; sockets and processes that it makes meanwhile stay there."""

    def __init__(self):
        with open("/proc/thread-self/ns/net", "rb") as home:
            _checked(LIBC.unshare(CLONE_NEWNET), "unshare")
            try:
                self.descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            finally:
                _checked(LIBC.setns(home.fileno(), CLONE_NEWNET), "setns")

    def close(self):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in the namespace, the others of the process stay where they are."""
        with open("/proc/thread-self/ns/net", "rb") as home:
            _checked(LIBC.setns(self.descriptor, CLONE_NEWNET), "setns")
            try:
                yield
            finally:
                _checked(LIBC.setns(home.fileno(), CLONE_NEWNET), "setns")

    def run(self, *command, text=None, pass_fds=()):
        """Runs a command in the namespace; its error is raised with what it said."""
        with self.entered():
            done = subprocess.run(
                command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                pass_fds=pass_fds, timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise OSError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout.strip()}\n{text or ''}")
        return done.stdout


class Host:
    """One machine of the network."""

    def __init__(self, network, number):
        self.network = network
        self.number = number
        self.namespace = Namespace()
        self.address = f"10.77.0.{number}"
        self.hardware = f"02:00:00:00:00:{number:02x}"
        self.port_name = f"port{number}"

    def __repr__(self):
        return f"host {self.number}"

    def entered(self):
        return self.namespace.entered()

    def connect(self, address, timeout=None, source_address=None):
        """A connection from this host."""
        with self.entered():
            return socket.create_connection(address, timeout, source_address)

    def client(self, port, address="127.0.0.1", timeout=30):
        """HTTP from this host: to a node on it, or to an address on the bridge."""
        client = Client(port, timeout=timeout, host=address)
        client.connection._create_connection = self.connect
        return client


class Network:
    """Hosts 1 to `count` on a bridge."""

    def __init__(self, count):
        self.hub = None
        self.hosts = []
        try:
            self.hub = Namespace()
            self.hub.run("ip", "-batch", "-", text="link set lo up\nlink add bridge type bridge\nlink set bridge up\n")
            for number in range(1, count + 1):
                self.hosts.append(self._host(number))
            self.hub.run("nft", "-f", "-", text=(
                "table bridge cuts {\n"
                "  chain faults { }\n"
                "  chain forward {\n"
                "    type filter hook forward priority 0;\n"
                # Who cannot be heard can be sent to all the same.
                "    ether type arp accept\n"
                "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
                "    jump faults\n"
                "  }\n"
                "}\n"))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """The namespaces go with the last process in them: destroy the nodes first."""
        for host in self.hosts:
            host.namespace.close()
        if self.hub is not None:
            self.hub.close()

    def _host(self, number):
        host = Host(self, number)
        descriptor = host.namespace.descriptor
        self.hub.run("ip", "-batch", "-", pass_fds=(descriptor,), text=(
            f"link add {host.port_name} type veth peer name eth0 address {host.hardware} "
            f"netns /proc/self/fd/{descriptor}\n"
            f"link set {host.port_name} master bridge up\n"))
        with host.entered():
            # Else the first IPv6 address is of use after a second of looking for duplicates.
            with open("/proc/sys/net/ipv6/conf/eth0/accept_dad", "w", encoding="ascii") as file:
                file.write("0")
        host.namespace.run("ip", "-batch", "-", text=(
            "link set lo up\n"
            f"address add {host.address}/24 broadcast 10.77.0.255 dev eth0\n"
            "link set eth0 up\n"))
        return host

    # Faults. Each call of cut, drop, lose or slow adds to those before it; heal ends them all.

    def drop(self, senders, receivers):
        """Nothing that `senders` send reaches `receivers`; the other way is untouched. Silent, as real cuts are."""
        if senders and receivers:
            self._rule(senders, receivers, "drop")

    def cut(self, *groups):
        """Nothing passes between hosts of different groups; a host in no group is cut off from nobody."""
        for one in groups:
            for other in groups:
                if one is not other:
                    self.drop(one, other)

    def isolate(self, host):
        """A host alone."""
        self.cut([host], [other for other in self.hosts if other is not host])

    def lose(self, percent, senders=None, receivers=None):
        """Some of the packets get lost."""
        self._rule(senders or self.hosts, receivers or self.hosts, f"numgen random mod 100 < {percent} drop")

    def slow(self, kilobytes, senders, receivers):
        """So many kilobytes a second get through from each to each at most, short packets apart."""
        for sender in senders:
            for receiver in receivers:
                self._rule([sender], [receiver], (
                    f"meta length > 1000 limit rate over {kilobytes} kbytes/second burst 256 kbytes drop"))

    def heal(self):
        """Ends every cut, drop, loss and slowness (not what was unplugged)."""
        self.hub.run("nft", "flush", "chain", "bridge", "cuts", "faults")

    def unplug(self, host):
        """The host's cable is out: unlike a cut, its own kernel knows, and says so to programs that send."""
        self.hub.run("ip", "link", "set", host.port_name, "down")

    def plug(self, host):
        self.hub.run("ip", "link", "set", host.port_name, "up")

    def _rule(self, senders, receivers, verdict):
        # Broadcast and multicast have no receiver's address: the ports of the bridge say who sends and who gets it.
        names = [", ".join(host.port_name for host in hosts) for hosts in (senders, receivers)]
        self.hub.run("nft", "-f", "-", text=(
            f"add rule bridge cuts faults iifname {{ {names[0]} }} oifname {{ {names[1]} }} {verdict}\n"))


class NetworkNode(Node):
    """A node on a host of a network. It looks for others by the broadcast of its own interface, if not told
    otherwise."""

    def __init__(self, host, **options):
        super().__init__(**options)
        self.host = host

    def quiet(self):
        return []

    def spawn(self):
        with self.host.entered():
            return super().spawn()

    def control(self, *words, check=True):
        # Some of its commands ask the gateway over loopback.
        with self.host.entered():
            return super().control(*words, check=check)

    def client(self, **options):
        return self.host.client(self.port, **options)
