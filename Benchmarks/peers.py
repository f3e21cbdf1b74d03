"""The servers next to which clusterf is measured: Debian's nginx and Apache, each with a configuration of its own, on loopback,
in a directory of the benchmark. The system's services are not touched."""

import os
import pwd
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "Tests", "Processes"))

from client import Client  # noqa: E402
from harness import Process, descendants, eventually, free_port  # noqa: E402

NGINX = """
daemon off;
user {user};
worker_processes auto;
pid {place}/pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    default_type application/octet-stream;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""

APACHE = """
ServerRoot {place}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {place}/pid
ErrorLog {place}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dav_module {modules}/mod_dav.so
LoadModule dav_fs_module {modules}/mod_dav_fs.so
User {user}
Group {group}
KeepAlive On
MaxKeepAliveRequests 0
StartServers 2
ThreadsPerChild 25
DocumentRoot {root}
DavLockDB {place}/locks
<Directory {root}>
    Dav On
    Require all granted
</Directory>
"""


def program(*names):
    """The path of the first of these programs that is installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise SystemExit(f"{names[0]} is not installed")


class Peer:
    """A server that serves `root` on a port of its own."""

    name = ""

    def __init__(self, place):
        self.place = os.path.join(place, self.name)
        self.root = os.path.join(self.place, "root")
        os.makedirs(self.root)
        self.port = free_port()
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL)

        def answers():
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended with {self.process.returncode}")
            with Client(self.port, timeout=2) as client:
                return client.get("/").status
        eventually(10, answers, f"{self.name} to answer")
        return self

    def processes(self):
        return [Process(self.process.pid), *descendants(self.process.pid)]

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    def version(self):
        done = subprocess.run([self.executable, "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
        return done.stdout.decode().splitlines()[0].split(":")[-1].strip()

    def command(self):
        raise NotImplementedError

    def configured(self, template, **values):
        path = os.path.join(self.place, "configuration")
        with open(path, "w", encoding="utf-8") as file:
            file.write(template.format(place=self.place, root=self.root, port=self.port, **values))
        return path


class Nginx(Peer):
    name = "nginx"

    def __init__(self, place):
        super().__init__(place)
        self.executable = program("nginx")

    def command(self):
        path = self.configured(NGINX, user=pwd.getpwuid(os.getuid()).pw_name)
        return [self.executable, "-p", self.place, "-c", path]


class Apache(Peer):
    name = "apache"

    def __init__(self, place):
        super().__init__(place)
        self.executable = program("apache2", "httpd")

    def command(self):
        user = pwd.getpwuid(os.getuid())
        if user.pw_uid == 0:
            # Apache does not serve as root.
            user = pwd.getpwnam("www-data")
        for path in (self.place, self.root):
            os.chown(path, user.pw_uid, user.pw_gid)
        path = self.configured(
            APACHE, modules="/usr/lib/apache2/modules", user=user.pw_name, group=f"#{user.pw_gid}")
        return [self.executable, "-f", path, "-DFOREGROUND"]

    def make_folder(self, path):
        with Client(self.port) as client:
            status = client.request("MKCOL", path).status
        if status not in (201, 405):
            raise SystemExit(f"MKCOL {path}: {status}")

    def stop(self):
        super().stop()
        # Its children end a little after it.
        time.sleep(0.2)
