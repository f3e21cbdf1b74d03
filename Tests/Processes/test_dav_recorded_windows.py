"""Recorded sequences of Windows and Microsoft Office: what these clients send, and what becomes of it.

Written from each client's documented behaviour, which every class names; macOS and GNOME are in a suite of their own.
"""

import re
import unittest

from client import pattern
from dav_client import multistatus, propfind_body
from dav_replay import FIELDS, LENGTH, Replay

WIN32 = "{urn:schemas-microsoft-com:}Win32"
XML_TYPE = 'Content-Type: text/xml; charset="utf-8"'

CREATED, ACCESSED, MODIFIED = (
    "Fri, 15 Jun 2018 12:26:41 GMT", "Fri, 15 Jun 2018 12:26:42 GMT", "Mon, 11 Jun 2018 08:05:03 GMT")


def win32(**values):
    """The PROPPATCH of a file's times and attributes."""
    inner = "".join(f"<Z:Win32{name}>{value}</Z:Win32{name}>" for name, value in values.items())
    return ('<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" '
            f'xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>{inner}</D:prop></D:set></D:propertyupdate>').encode()


ALL_TIMES = win32(CreationTime=CREATED, LastAccessTime=ACCESSED, LastModifiedTime=MODIFIED, FileAttributes="00000020")
LAST_TIMES = win32(LastModifiedTime=MODIFIED, FileAttributes="00000020")


def lock_of(owner):
    return ('<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:">'
            "<D:lockscope><D:exclusive/></D:lockscope>"
            f"<D:locktype><D:write/></D:locktype><D:owner><D:href>{owner}</D:href></D:owner></D:lockinfo>").encode()


class Redirector(Replay):
    """The redirector of Windows, which a drive or a share of WebDAV is: the order of requests of a copied file in
    https://github.com/mar10/wsgidav/issues/112, of an edited one in
    https://github.com/dgraziotin/docker-nginx-webdav-nononsense/issues/8, the fields of a LOCK (there is no Depth) in
    https://github.com/swisspol/GCDWebServer/issues/319, of a PROPFIND in https://github.com/golang/go/issues/11177."""

    asking = ("Connection: Keep-Alive", FIELDS, "User-Agent: Microsoft-WebDAV-MiniRedir/10.0.19045", "translate: f",
              LENGTH, "Host: {host}")
    other = ("Cache-Control: no-cache", "Connection: Keep-Alive", "Pragma: no-cache", *asking[1:])

    def sends(self, status, line, *fields, **body):
        self.frame = self.asking if line.startswith(("PROPFIND", "OPTIONS")) else self.other
        return super().sends(status, line, *fields, **body)

    def stat(self, status, url, depth=0):
        """Everything that there is to know: no body, so all properties."""
        return self.sends(status, f"PROPFIND {url}", f"Depth: {depth}", body=b"")

    def takes_lock(self, url):
        answer = self.locks(200, f"LOCK {url}", XML_TYPE, "Timeout: Second-3600",
                            body=lock_of("DESKTOP-1\\somebody"))
        self.assertRegex(answer.text, "Second-(3600|359[0-9])<")

    def sets(self, url, body, *fields):
        """Times and attributes: every one is taken, or Explorer says that the file cannot be accessed."""
        answer = self.sends(207, f"PROPPATCH {url}", XML_TYPE, *fields, body=body)
        (resource,) = multistatus(answer).values()
        self.assertEqual(set(resource.statuses.values()), {200}, resource)

    def writes(self, url, data, times):
        """What a handle that was written to does when it is closed, under its lock."""
        self.sends(200, f"HEAD {url}")
        self.sends(204, f"PUT {url}", "If: (<{token}>)", body=data)
        self.sets(url, times, "If: (<{token}>)")
        self.sends(204, f"UNLOCK {url}", "Lock-Token: <{token}>", body=b"")

    def copies_in(self, url, data):
        self.stat(404, url)
        self.sends(201, f"PUT {url}", body=b"")
        self.takes_lock(url)
        self.sets(url, ALL_TIMES, "If: (<{token}>)")
        self.writes(url, data, LAST_TIMES)

    def renames(self, url, to, status=201):
        self.sends(status, f"MOVE {url}", "Destination: http://{host}" + to, "Overwrite: F", body=b"")


class Explorer(Redirector):
    """A drive in the hands of somebody who copies, opens, renames and deletes."""

    def test_it_connects(self):
        # The service asks the root of the server, whatever was to be connected, and without a name and a password.
        self.asking = ("Connection: Keep-Alive", "User-Agent: DavClnt", "translate: f", "Host: {host}")
        answer = self.sends(200, "OPTIONS /")
        self.asking = Redirector.asking
        self.assertEqual(answer["MS-Author-Via"], "DAV")
        self.assertTrue({"1", "2"} <= {word.strip() for word in answer["DAV"].split(",")}, answer["DAV"])
        for method in ("PROPFIND", "LOCK", "MOVE", "PROPPATCH"):
            self.assertIn(method, answer["Allow"])
        self.assertEqual(self.sends(200, "OPTIONS *")["MS-Author-Via"], "DAV")
        for url in ("/", "{base}"):
            (own,) = multistatus(self.stat(207, url)).values()
            self.assertTrue(own.is_collection)
            self.assertIsNotNone(own["getlastmodified"])
        answer = self.sends(207, "PROPFIND {base}", "Depth: 0", XML_TYPE,
                            body=propfind_body("quota-available-bytes", "quota-used-bytes").encode())
        (own,) = multistatus(answer).values()
        self.assertGreater(int(own["quota-available-bytes"]), 0)
        self.stat(404, "{base}desktop.ini")
        self.stat(404, "{base}AutoRun.inf")

    def test_a_copied_file_has_its_content_its_times_and_no_lock(self):
        data = pattern(200_000, 1)
        self.copies_in("{at}/Chrysanthemum.jpg", data)
        found = self.found(self.stat(207, "{at}", depth=1))
        self.assertEqual(sorted(found), ["", "Chrysanthemum.jpg"])
        file = found["Chrysanthemum.jpg"]
        # All come with all properties, as it asks for them.
        self.assertEqual(file["getcontentlength"], "200000")
        for name, value in (("CreationTime", CREATED), ("LastAccessTime", ACCESSED), ("LastModifiedTime", MODIFIED),
                            ("FileAttributes", "00000020")):
            self.assertEqual(file[WIN32 + name], value, name)
        self.assertEqual(self.content("Chrysanthemum.jpg"), data)
        self.is_free("Chrysanthemum.jpg")

    def test_a_file_of_its_own_is_kept_from_others_while_it_is_open(self):
        self.copies_in("{at}/f.txt", b"one")
        self.takes_lock("{at}/f.txt")
        self.assertEqual(self.sends(200, "GET {at}/f.txt").body, b"one")
        self.assertEqual(self.judge.dav("PUT", f"{self.place}/f.txt", b"other").status, 423)
        # What another program wants meanwhile, and the refresh after half of the time.
        self.sends(423, "LOCK {at}/f.txt", XML_TYPE, "Timeout: Second-3600", body=lock_of("LAPTOP-2\\other"))
        self.sends(200, "LOCK {at}/f.txt", "If: (<{token}>)", "Timeout: Second-3600", body=b"")
        self.writes("{at}/f.txt", b"one and two", LAST_TIMES)
        self.assertEqual(self.content("f.txt"), b"one and two")
        self.is_free("f.txt")

    def test_a_lock_of_a_file_that_is_deleted_is_gone_with_it(self):
        """https://github.com/haiwen/seafdav/pull/99: put empty, locked, deleted, and all of it once more."""
        for data in (b"one", b"two"):
            self.sends(201, "PUT {at}/f.tmp", body=b"")
            self.takes_lock("{at}/f.tmp")
            self.sends(204, "PUT {at}/f.tmp", "If: (<{token}>)", body=data)
            if data == b"one":
                self.sends(204, "DELETE {at}/f.tmp", "If: (<{token}>)", body=b"")
        self.sends(204, "UNLOCK {at}/f.tmp", "Lock-Token: <{token}>", body=b"")
        self.assertEqual(self.content("f.tmp"), b"two")
        self.is_free("f.tmp")

    def test_a_file_is_renamed_and_gives_no_other_its_place(self):
        self.copies_in("{at}/a%20b.txt", b"a")
        self.copies_in("{at}/c.txt", b"c")
        self.stat(404, "{at}/d%20%23%26%20%C3%BC.txt")
        self.renames("{at}/a%20b.txt", "{at}/d%20%23%26%20%C3%BC.txt")
        self.renames("{at}/c.txt", "{at}/d%20%23%26%20%C3%BC.txt", status=412)
        self.assertEqual(self.listing(), ["c.txt", "d #& ü.txt"])
        self.assertEqual(self.content("d #& ü.txt"), b"a")
        self.assertEqual(self.properties("d #& ü.txt")[WIN32 + "CreationTime"], CREATED)
        # While it is open (https://github.com/golang/go/issues/43556): the token of what moves is enough.
        self.takes_lock("{at}/c.txt")
        self.sends(201, "MOVE {at}/c.txt", "Destination: http://{host}{at}/e.txt", "Overwrite: F",
                   "If: (<{token}>)", body=b"")
        self.is_free("e.txt")

    def test_a_new_folder_takes_its_times_and_its_name(self):
        """The order in https://github.com/danmunn/redmine_dmsf/issues/334; properties of directories, that are not
        locked, in https://github.com/golang/go/issues/43929."""
        self.stat(207, "{at}", depth=1)
        self.stat(404, "{at}/New%20folder")
        self.sends(201, "MKCOL {at}/New%20folder", body=b"")
        self.sets("{at}/New%20folder", win32(
            CreationTime=CREATED, LastAccessTime=ACCESSED, LastModifiedTime=MODIFIED, FileAttributes="00000010"))
        self.stat(404, "{at}/Photos")
        self.renames("{at}/New%20folder", "{at}/Photos")
        self.stat(404, "{at}/New%20folder")
        self.stat(404, "{at}/Photos/desktop.ini")
        own = self.found(self.stat(207, "{at}/Photos"))["Photos"]
        self.assertTrue(own.is_collection)
        self.assertEqual(own[WIN32 + "FileAttributes"], "00000010")
        self.assertEqual(own[WIN32 + "LastModifiedTime"], MODIFIED)
        self.copies_in("{at}/Photos/one.jpg", b"1")
        self.sends(204, "DELETE {at}/Photos", body=b"")
        self.stat(404, "{at}/Photos")


class ExplorerAtTheRoot(Explorer):
    prefix = ""


class OfficeOnADrive(Redirector):
    """Office with a document on such a drive: the owner file in
    https://github.com/OpenMarshal/npm-WebDAV-Server/issues/37, the save by way of a temporary file and two renames in
    https://github.com/nextcloud/server/issues/9790."""

    def owner_file(self, url):
        data = b"\x08somebody".ljust(162, b"\0")
        self.copies_in(url, data)
        # Whoever opens the document next reads who has it.
        self.takes_lock(url)
        self.assertEqual(self.sends(200, f"GET {url}").body, data)
        self.sends(204, f"UNLOCK {url}", "Lock-Token: <{token}>", body=b"")

    def test_a_document_is_saved_by_way_of_another_file(self):
        self.copies_in("{at}/Report.docx", pattern(30_000, 1))
        self.owner_file("{at}/~%24Report.docx")
        # The document is open, with a lock of its own, until it is renamed.
        self.takes_lock("{at}/Report.docx")
        document = self.names["token"]
        self.copies_in("{at}/34429E5E.tmp", pattern(40_000, 2))
        self.names["token"] = document
        self.sends(204, "UNLOCK {at}/Report.docx", "Lock-Token: <{token}>", body=b"")
        self.stat(404, "{at}/A9A97EC7.tmp")
        self.renames("{at}/Report.docx", "{at}/A9A97EC7.tmp")
        self.renames("{at}/34429E5E.tmp", "{at}/Report.docx")
        self.takes_lock("{at}/Report.docx")
        self.assertEqual(self.sends(200, "GET {at}/Report.docx").body, pattern(40_000, 2))
        self.sends(204, "DELETE {at}/A9A97EC7.tmp", body=b"")
        self.sends(204, "UNLOCK {at}/Report.docx", "Lock-Token: <{token}>", body=b"")
        self.sends(204, "DELETE {at}/~%24Report.docx", body=b"")
        self.assertEqual(self.listing(), ["Report.docx"])
        self.assertEqual(self.content("Report.docx"), pattern(40_000, 2))
        self.is_free("Report.docx")


class Office(Replay):
    """Office with the address of a document: what it asks before it opens one for writing in [MS-OCPROTO] 2.1.2.1.2,
    "Web Servers"; its fields in https://github.com/mikedeboer/jsDAV/issues/129; locks and their times in
    https://github.com/mikedeboer/jsDAV/wiki/Microsoft-Office-Client; a refresh as the first LOCK in
    https://github.com/sabre-io/dav/issues/537; that the answer to a refresh names the same lock in
    https://github.com/FubarDevelopment/WebDavServer/issues/24."""

    frame = ("Connection: Keep-Alive", XML_TYPE, "User-Agent: Microsoft Office Word 2014", "X-Office-Major-Version: 16",
             "X-MS-CookieUri-Requested: t", "X-FeatureVersion: 1", FIELDS, "X-IDCRL_ACCEPTED: t", LENGTH,
             "Host: {host}")
    url = "{at}/test%20hallo.docx"
    owner = lock_of("DESKTOP-1/somebody")

    def opens(self):
        """Looks for what the server can, and takes the lock without which it would show the document read-only."""
        answer = self.sends(200, "OPTIONS {at}/", "Translate: f")
        self.assertEqual(answer["MS-Author-Via"], "DAV")
        self.assertIsNone(answer["X-MSFSSHTTP"])
        self.assertIn("LOCK", answer["Allow"])
        self.sends(200, f"HEAD {self.url}", "Translate: f")
        # It begins with a lock of an earlier time, if it remembers one.
        self.sends(412, f"LOCK {self.url}", "If: (<opaquelocktoken:e71d4fae-5dec-22d6-fea5-00a0c91e6be4>)",
                   "Timeout: Second-180", "Depth: 0", "Translate: f", body=b"")
        answer = self.locks(200, f"LOCK {self.url}", "Timeout: Second-180", "Depth: 0", "Translate: f", body=self.owner)
        self.assertIn("DESKTOP-1/somebody", answer.text)
        self.assertRegex(answer.text, r"Second-1[78]\d<")

    def test_a_document_is_opened_saved_and_closed(self):
        self.judge.dav("PUT", f"{self.place}/test hallo.docx", pattern(20_000, 1))
        self.opens()
        self.assertEqual(self.sends(200, f"GET {self.url}", "Depth: 0", "Translate: f").body, pattern(20_000, 1))
        answer = self.sends(207, f"PROPFIND {self.url}", "Depth: 0", "Translate: f", body=propfind_body(
            "lockdiscovery", "supportedlock", "getlastmodified", "resourcetype").encode())
        file = self.found(answer)["test%20hallo.docx"]
        self.assertEqual(len(file.properties["lockdiscovery"].findall("{DAV:}activelock")), 1)
        self.assertIsNotNone(file.properties["supportedlock"].find("{DAV:}lockentry"))
        for version in (2, 3):
            # Every so often, for as long as the document is open.
            answer = self.sends(200, f"LOCK {self.url}", "If: (<{token}>)", "Timeout: Second-180", "Depth: 0",
                                "Translate: f", body=b"")
            self.assertEqual(re.findall(r"urn:uuid:[0-9a-f-]+", answer.text), [self.names["token"]])
            self.sends(204, f"PUT {self.url}", "If: (<{token}>)", "Translate: f", body=pattern(20_000, version))
            self.assertEqual(len(self.active_locks("test hallo.docx")), 1)
        self.sends(204, f"UNLOCK {self.url}", "Lock-Token: <{token}>", "Translate: f")
        self.assertEqual(self.content("test hallo.docx"), pattern(20_000, 3))
        self.is_free("test hallo.docx")

    def test_who_opens_it_second_is_told_who_has_it(self):
        self.judge.dav("PUT", f"{self.place}/test hallo.docx", b"content")
        self.opens()
        self.sends(423, f"LOCK {self.url}", "Timeout: Second-180", "Depth: 0", "Translate: f",
                   body=lock_of("LAPTOP-2/other"))
        answer = self.sends(207, f"PROPFIND {self.url}", "Depth: 0", "Translate: f",
                            body=propfind_body("lockdiscovery").encode())
        self.assertIn("DESKTOP-1/somebody", answer.text)
        self.sends(200, f"GET {self.url}", "Depth: 0", "Translate: f")
        # It asks again until the first is done.
        self.sends(204, f"UNLOCK {self.url}", "Lock-Token: <{token}>", "Translate: f")
        self.locks(200, f"LOCK {self.url}", "Timeout: Second-180", "Depth: 0", "Translate: f",
                   body=lock_of("LAPTOP-2/other"))
        self.sends(204, f"UNLOCK {self.url}", "Lock-Token: <{token}>", "Translate: f")

    def test_a_new_document_is_locked_before_it_is_there(self):
        self.sends(404, f"HEAD {self.url}", "Translate: f")
        self.locks(201, f"LOCK {self.url}", "Timeout: Second-180", "Depth: 0", "Translate: f", body=self.owner)
        self.sends(204, f"PUT {self.url}", "If: (<{token}>)", "Translate: f", body=pattern(20_000, 1))
        self.sends(204, f"UNLOCK {self.url}", "Lock-Token: <{token}>", "Translate: f")
        self.assertEqual(self.content("test hallo.docx"), pattern(20_000, 1))
        self.is_free("test hallo.docx")


class OfficeAtTheRoot(Office):
    prefix = ""


class WebFolders(Replay):
    """The older client, of Web Folders and ADO: `noroot`, an extension of its maker, leaves out the collection itself
    (the Depth header of Exchange's documentation, which https://github.com/skazantsev/WebDavClient/issues/45 cites)."""

    frame = (FIELDS, "Translate: f", "User-Agent: Microsoft Data Access Internet Publishing Provider DAV 1.1",
             "Host: {host}", LENGTH, "Connection: Keep-Alive")

    def test_a_folder_is_listed_without_itself(self):
        for name in ("a", "b"):
            self.judge.dav("PUT", f"{self.place}/{name}", b"x")
        self.judge.dav("MKCOL", f"{self.place}/c")
        self.judge.dav("PUT", f"{self.place}/c/d", b"x")
        answer = self.sends(207, "PROPFIND {at}/", "Accept-Language: en-us", XML_TYPE, "Depth: 1,noroot",
                            body=propfind_body("resourcetype", "getcontentlength").encode())
        self.assertEqual(sorted(self.found(answer)), ["a", "b", "c"])


if __name__ == "__main__":
    unittest.main()
