"""A client of WebDAV for the tests: requests as they are, and multistatus answers as Python has them."""

import base64
import hashlib
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree

from client import Client, quoted

DAV = "{DAV:}"


class Resource:
    """One response of a multistatus."""

    def __init__(self, element):
        self.href = element.findtext(DAV + "href")
        self.status = status_number(element.findtext(DAV + "status"))
        self.error = element.find(DAV + "error")
        self.properties = {}
        self.statuses = {}
        for stat in element.findall(DAV + "propstat"):
            number = status_number(stat.findtext(DAV + "status"))
            for prop in stat.find(DAV + "prop"):
                self.statuses[short(prop.tag)] = number
                if number == 200:
                    self.properties[short(prop.tag)] = prop

    @property
    def path(self):
        return urllib.parse.unquote(self.href, errors="surrogateescape")

    @property
    def is_collection(self):
        return self.properties["resourcetype"].find(DAV + "collection") is not None

    def __getitem__(self, name):
        prop = self.properties.get(name)
        return None if prop is None else (prop.text or "")

    def __repr__(self):
        return f"{self.href} {self.status} {self.statuses}"


def short(tag):
    """The name of a property: WebDAV's own without its namespace."""
    return tag[len(DAV):] if tag.startswith(DAV) else tag


def status_number(line):
    return None if line is None else int(line.split(" ")[1])


def multistatus(answer):
    """The responses of an answer, by href; fails where one has two."""
    root = ElementTree.fromstring(answer.body)
    assert root.tag == DAV + "multistatus", root.tag
    found = {}
    for element in root.findall(DAV + "response"):
        resource = Resource(element)
        assert resource.href not in found, f"{resource.href} twice"
        found[resource.href] = resource
    return found


def entity_tag(content):
    """The tag of a file with this content, as WebDAV has it: its SHA-256 in base 64."""
    return '"' + base64.b64encode(hashlib.sha256(content).digest()).decode().rstrip("=") + '"'


def propfind_body(*names):
    """What asks for these properties of WebDAV's own."""
    inner = "".join(f"<D:{name}/>" for name in names)
    return f'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>{inner}</D:prop></D:propfind>'


class DAVClient(Client):
    """One connection, and where on the server the tree is: "" or "/dav"."""

    def __init__(self, port, prefix="", **options):
        super().__init__(port, **options)
        self.port = port
        self.prefix = prefix

    def url(self, path):
        return self.prefix + quoted(path)

    def absolute(self, path):
        return f"http://127.0.0.1:{self.port}{self.url(path)}"

    def dav(self, method, path, body=None, **headers):
        return self.request(
            method, self.url(path), body=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()})

    def propfind(self, path, depth="0", body=None, **headers):
        if isinstance(body, str):
            body = body.encode()
        return self.dav("PROPFIND", path, body, Depth=depth, **headers)

    def found(self, path, depth="0", body=None):
        """The resources that a PROPFIND answers, by their path in the tree."""
        answer = self.propfind(path, depth, body)
        if answer.status != 207:
            raise AssertionError(f"PROPFIND {path}: {answer}")
        found = {}
        for resource in multistatus(answer).values():
            assert resource.path.startswith(self.prefix + "/"), resource
            found[resource.path[len(self.prefix):]] = resource
        return found

    def names(self, path):
        """What is directly in a collection; collections end in a slash."""
        own = path.rstrip("/") + "/"
        return sorted(name[len(own):] for name in self.found(own, "1") if name != own)

    def tree(self, path):
        own = path.rstrip("/") + "/"
        return sorted(name[len(own):] for name in self.found(own, "infinity") if name != own)

    def move(self, method, path, to, **headers):
        """COPY or MOVE."""
        return self.dav(method, path, Destination=self.absolute(to), **headers)


def condition(answer):
    """The name of the rule that an error's body says was broken; None where it says none."""
    if not re.match(r"(application|text)/xml", answer["Content-Type"] or ""):
        return None
    root = ElementTree.fromstring(answer.body)
    assert root.tag == DAV + "error", root.tag
    return short(list(root)[0].tag)
