"""Recorded sequences of macOS, GNOME, neon (davfs2, cadaver) and curl: what these clients send, and what becomes of it.

Written from each client's documented behaviour, which every class names; Windows and Office have a suite of their own.
"""

import unicodedata
import unittest

from client import pattern, quoted
from dav_client import multistatus, propfind_body
from dav_replay import FIELDS, LENGTH, Replay, Wire


def asked_by_apple(*names, more=""):
    inner = "".join(f"<D:{name}/>\n" for name in names) + more
    return (f'<?xml version="1.0" encoding="utf-8"?>\n<D:propfind xmlns:D="DAV:">\n<D:prop>\n{inner}</D:prop>\n'
            "</D:propfind>\n").encode()


STAT = asked_by_apple("getlastmodified", "getcontentlength", "creationdate", "resourcetype")
QUOTA = asked_by_apple("quota-available-bytes", "quota-used-bytes", "quota", "quotaused")
KIND = asked_by_apple("resourcetype")
LISTING = asked_by_apple(
    "getlastmodified", "getcontentlength", "creationdate", "resourcetype",
    more='<A:appledoubleheader xmlns:A="http://www.apple.com/webdav_fs/props/"/>\n')
APPLE_LOCK = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<D:lockinfo xmlns:D="DAV:">\n'
    b"<D:lockscope><D:exclusive/></D:lockscope>\n<D:locktype><D:write/></D:locktype>\n"
    b"<D:owner>\n<D:href>http://www.apple.com/webdav_fs/</D:href>\n</D:owner>\n</D:lockinfo>\n")


class Finder(Replay):
    """macOS: requests as in webdavfs/mount.tproj/webdav_network.c of Apple's published sources (network_mount, _stat,
    _statfs, _create, _lock, _fsync, setup_seq_write, _rename, _rmdir, _readdir); what Finder does with them as in
    https://sabre.io/dav/clients/finder/, https://github.com/seaweedfs/seaweedfs/issues/1114 and
    https://github.com/sabre-io/dav/issues/55 (empty files where a chunked PUT is not understood)."""

    frame = ("Host: {host}", FIELDS, "User-Agent: WebDAVFS/3.0.1 (03018000) Darwin/21.6.0 (x86_64)", LENGTH,
             "Connection: keep-alive")
    coding = "Transfer-Encoding: Chunked"

    def stat(self, status, url):
        return self.sends(status, f"PROPFIND {url}", "Accept: */*", "Content-Type: text/xml", "Depth: 0", body=STAT)

    def listed(self, url):
        answer = self.sends(207, f"PROPFIND {url}", "Accept: */*", "Content-Type: text/xml", "Depth: 1", body=LISTING)
        return self.found(answer)

    def creates(self, url):
        """A file comes empty: looked for, put without a body, looked at."""
        self.stat(404, url)
        answer = self.sends(201, f"PUT {url}", "Accept: */*", body=b"")
        self.assertIsNotNone(answer["Date"])
        self.stat(207, url)

    def takes_lock(self, url):
        answer = self.locks(200, f"LOCK {url}", "Accept: */*", "Depth: 0", "Timeout: Second-600",
                            'Content-Type: text/xml; charset="utf-8"', body=APPLE_LOCK)
        # It refreshes by the time that it has asked for.
        self.assertRegex(answer.text, "Second-(600|59[0-9])<")

    def streams(self, url, data):
        """The content in pieces, as the application writes it, with the length as a hint."""
        pieces = [data[start:start + 65_536] for start in range(0, len(data), 65_536)]
        answer = self.sends(204, f"PUT {url}", "Accept: */*", f"X-Expected-Entity-Length: {len(data)}",
                            "If: (<{token}>)", pieces=pieces)
        # Without either it asks for both.
        self.assertTrue(answer["ETag"] or answer["Last-Modified"])

    def unlocks(self, url):
        self.sends(204, f"UNLOCK {url}", "Accept: */*", "Lock-Token: <{token}>")

    def copies_in(self, url, data):
        self.creates(url)
        self.takes_lock(url)
        self.streams(url, data)
        self.unlocks(url)

    def test_it_mounts_for_writing_and_shows_the_space(self):
        answer = self.sends(200, "OPTIONS {base}", "Accept: */*")
        self.assertIn("2", [word.strip() for word in answer["DAV"].split(",")])
        (own,) = multistatus(self.stat(207, "{base}")).values()
        self.assertTrue(own.is_collection)
        answer = self.sends(207, "PROPFIND {base}", "Accept: */*", "Content-Type: text/xml", "Depth: 0", body=QUOTA)
        (own,) = multistatus(answer).values()
        self.assertGreater(int(own["quota-available-bytes"]), 0)
        self.assertGreaterEqual(int(own["quota-used-bytes"]), 0)
        self.assertEqual((own.statuses["quota"], own.statuses["quotaused"]), (404, 404))
        for name in (".hidden", ".metadata_never_index", ".Spotlight-V100", "._.", "mach_kernel", "Backups.backupdb"):
            self.stat(404, "{at}/" + name)

    def test_a_copied_file_has_its_content_and_no_lock(self):
        data = pattern(300_000, 1)
        self.copies_in("{at}/holiday%20photo.jpg", data)
        self.copies_in("{at}/._holiday%20photo.jpg", pattern(4096, 2))
        self.copies_in("{at}/.DS_Store", pattern(6148, 3))
        found = self.listed("{at}/")
        self.assertEqual(
            sorted(found), ["", ".DS_Store", "._holiday%20photo.jpg", "holiday%20photo.jpg"])
        self.assertEqual(found["holiday%20photo.jpg"]["getcontentlength"], "300000")
        self.assertEqual(
            found["._holiday%20photo.jpg"].statuses["{http://www.apple.com/webdav_fs/props/}appledoubleheader"], 404)
        self.assertEqual(self.content("holiday photo.jpg"), data)
        self.assertEqual(self.content("._holiday photo.jpg"), pattern(4096, 2))
        self.is_free("holiday photo.jpg", "._holiday photo.jpg", ".DS_Store")

    def test_an_upload_that_breaks_off_keeps_what_was_there_and_is_done_again(self):
        """A lost connection: it sends the whole once more (writeseqReadResponseCallback, EAGAIN)."""
        self.creates("{at}/film")
        self.takes_lock("{at}/film")
        self.streams("{at}/film", b"the first version")
        broken = Wire(self.shared.port)
        fields = ["Accept: */*", "X-Expected-Entity-Length: 500000", f"If: (<{self.names['token']}>)"]
        broken.send(self.head("PUT {at}/film", fields, self.coding) + b"10000\r\n" + pattern(0x10000) + b"\r\n")
        broken.close()
        self.assertEqual(self.content("film"), b"the first version")
        self.streams("{at}/film", pattern(500_000))
        self.unlocks("{at}/film")
        self.assertEqual(self.content("film"), pattern(500_000))
        self.is_free("film")

    def test_an_edited_file_is_locked_until_it_is_closed(self):
        self.copies_in("{at}/notes.txt", b"one")
        self.takes_lock("{at}/notes.txt")
        self.assertEqual(self.sends(200, "GET {at}/notes.txt", "Accept: */*").body, b"one")
        # Half of the time is over.
        answer = self.sends(200, "LOCK {at}/notes.txt", "Accept: */*", "Depth: 0", "Timeout: Second-600",
                            "Content-Type: text/xml", "If: (<{token}>)")
        self.assertIn(self.names["token"], answer.text)
        self.assertEqual(self.judge.dav("PUT", f"{self.place}/notes.txt", b"other").status, 423)
        # What was written out of order goes out whole, with its length.
        self.sends(204, "PUT {at}/notes.txt", "Accept: */*", "If: (<{token}>)", body=b"one and two")
        self.unlocks("{at}/notes.txt")
        self.assertEqual(self.content("notes.txt"), b"one and two")
        self.is_free("notes.txt")
        head = self.judge.dav("HEAD", f"{self.place}/notes.txt")
        self.sends(304, "GET {at}/notes.txt", "Accept: */*", f"If-Modified-Since: {head['Last-Modified']}")
        answer = self.sends(206, "GET {at}/notes.txt", "Accept: */*", f"If-Range: {head['Last-Modified']}",
                            "Range: bytes=4-")
        self.assertEqual(answer.body, b"and two")

    def test_a_safe_save_puts_the_new_file_in_the_old_ones_place(self):
        """An application writes beside the file, in a folder for that (its name as in
        https://github.com/opencloud-eu/opencloud/issues/933), and then exchanges them."""
        self.copies_in("{at}/notes.txt", b"old")
        folder = "{at}/notes.txt.sb-ac6800a0-t3YBFI"
        self.stat(404, folder)
        self.assertIsNotNone(self.sends(201, f"MKCOL {folder}", "Accept: */*", body=b"")["Date"])
        self.stat(207, folder + "/")
        self.copies_in(folder + "/notes.txt", b"new and longer")
        # Still open, it moves with the token of its lock; there is no Overwrite.
        self.takes_lock(folder + "/notes.txt")
        self.sends(204, f"MOVE {folder}/notes.txt", "Accept: */*", "Destination: http://{host}{at}/notes.txt",
                   "If: (<{token}>)")
        self.stat(207, "{at}/notes.txt")
        answer = self.sends(207, f"PROPFIND {folder}/", "Accept: */*", "Content-Type: text/xml", "Depth: 1", body=KIND)
        self.assertEqual(len(multistatus(answer)), 1)
        self.sends(204, f"DELETE {folder}/", "Accept: */*")
        self.stat(404, folder)
        self.assertEqual(self.content("notes.txt"), b"new and longer")
        self.is_free("notes.txt")

    def test_folders_are_renamed_and_deleted(self):
        self.sends(201, "MKCOL {at}/untitled%20folder", "Accept: */*", body=b"")
        self.copies_in("{at}/untitled%20folder/a", b"a")
        # A directory is named with a slash, its new place without.
        self.sends(201, "MOVE {at}/untitled%20folder/", "Accept: */*", "Destination: http://{host}{at}/Summer")
        self.stat(404, "{at}/untitled%20folder")
        self.assertEqual(sorted(self.found(self.sends(
            207, "PROPFIND {at}/Summer/", "Accept: */*", "Content-Type: text/xml", "Depth: 1", body=KIND))),
            ["Summer", "Summer/a"])
        self.sends(204, "DELETE {at}/Summer/a", "Accept: */*")
        self.sends(204, "DELETE {at}/Summer/", "Accept: */*")
        self.stat(404, "{at}/Summer/")

    def test_a_tree_of_folders_is_deleted_from_the_inside(self):
        """It lists each folder before it deletes it (network_rmdir, network_dir_is_empty): one that still names a
        folder that it has just deleted is one that cannot be deleted."""
        folders = ["{at}/a", "{at}/a/b", "{at}/a/b/c"]
        for url in folders:
            self.sends(201, f"MKCOL {url}", "Accept: */*", body=b"")
        self.copies_in("{at}/a/b/c/f", b"x")
        self.sends(204, "DELETE {at}/a/b/c/f", "Accept: */*")
        for url in reversed(folders):
            answer = self.sends(207, f"PROPFIND {url}/", "Accept: */*", "Content-Type: text/xml", "Depth: 1", body=KIND)
            self.assertEqual(len(multistatus(answer)), 1, answer.text)
            self.sends(204, f"DELETE {url}/", "Accept: */*")
        self.assertEqual(sorted(self.listed("{at}/")), [""])

    def test_names_that_it_sends_decomposed_are_the_same_files(self):
        """https://github.com/tailscale/tailscale/pull/20512: macOS takes letters with marks apart, others do not."""
        name = "Übersicht é.txt"
        taken_apart = quoted(unicodedata.normalize("NFD", name))
        self.copies_in("{at}/" + taken_apart, b"x")
        self.assertEqual(self.content(unicodedata.normalize("NFC", name)), b"x")
        self.assertEqual(self.listing(), [unicodedata.normalize("NFC", name)])
        self.sends(204, "DELETE {at}/" + taken_apart, "Accept: */*")
        self.assertEqual(self.listing(), [])


class FinderAtTheRoot(Finder):
    prefix = ""


def asked_by_gnome(*names):
    inner = "".join(f"<D:{name}/>\n" for name in names)
    return (f'<?xml version="1.0" encoding="utf-8" ?>\n <D:propfind xmlns:D="DAV:">\n  <D:prop>\n{inner}  </D:prop>\n'
            " </D:propfind>").encode()


GNOME_STAT = asked_by_gnome("resourcetype", "getcontentlength")
GNOME_INFO = asked_by_gnome(
    "creationdate", "displayname", "getcontentlength", "getcontenttype", "getetag", "getlastmodified", "resourcetype")
GNOME_QUOTA = asked_by_gnome("quota-available-bytes", "quota-used-bytes")


class Gnome(Replay):
    """gvfs: requests as in daemon/gvfsbackenddav.c of https://gitlab.gnome.org/GNOME/gvfs (try_mount, try_query_info,
    try_enumerate, try_create, try_replace, push, try_move, try_copy, try_delete, try_set_display_name); the log of a
    rename in https://github.com/bewcloud/bewcloud/issues/155."""

    frame = ("Host: {host}", FIELDS, LENGTH, "User-Agent: gvfs/1.57.2", "Accept-Language: en-us, en;q=0.9",
             "Accept-Encoding: gzip, deflate", "Connection: Keep-Alive")

    def stat(self, status, url, depth=0):
        return self.sends(
            status, f"PROPFIND {url}", f"Depth: {depth}", "Content-Type: application/xml", body=GNOME_STAT)

    def info(self, url, depth=0):
        answer = self.sends(207, f"PROPFIND {url}", "Apply-To-Redirect-Ref: F", f"Depth: {depth}",
                            "Content-Type: application/xml", body=GNOME_INFO)
        return self.found(answer)

    def makes(self, name, data):
        """A new file of an application: looked for, then put."""
        self.sends(404, "HEAD {at}/" + name)
        return self.sends(201, "PUT {at}/" + name, body=data)["ETag"]

    def test_it_mounts_from_the_path_up_and_shows_the_space(self):
        # It goes up as long as there is WebDAV, to find the root.
        for url in ("{at}/", "{base}", "/"):
            answer = self.sends(200, f"OPTIONS {url}")
            self.assertIsNotNone(answer["DAV"])
            self.assertIn("PROPFIND", answer["Allow"])
            (own,) = multistatus(self.stat(207, url)).values()
            self.assertTrue(own.is_collection)
        answer = self.sends(207, "PROPFIND {base}", "Depth: 0", "Content-Type: application/xml", body=GNOME_QUOTA)
        (own,) = multistatus(answer).values()
        self.assertGreater(int(own["quota-available-bytes"]), 0)
        self.assertGreaterEqual(int(own["quota-used-bytes"]), 0)

    def test_a_copied_file_keeps_its_time(self):
        self.stat(404, "{at}/report.pdf")
        self.sends(201, "PUT {at}/report.pdf", "Overwrite: F", "X-OC-Mtime: 1000000000", body=pattern(100_000))
        found = self.info("{at}/", 1)
        self.assertEqual(sorted(found), ["", "report.pdf"])
        self.assertEqual(found["report.pdf"]["getlastmodified"], "Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual(found["report.pdf"]["getcontentlength"], "100000")
        self.assertEqual(found["report.pdf"]["displayname"], "report.pdf")
        self.assertEqual(self.content("report.pdf"), pattern(100_000))
        # Once more, over what is there, which it has seen.
        self.stat(207, "{at}/report.pdf")
        self.sends(204, "PUT {at}/report.pdf", "Overwrite: T", "X-OC-Mtime: 1000000001", body=b"shorter")
        self.assertEqual(self.info("{at}/report.pdf")["report.pdf"]["getlastmodified"], "Sun, 09 Sep 2001 01:46:41 GMT")
        self.assertEqual(self.content("report.pdf"), b"shorter")

    def test_an_edited_file_is_replaced_only_as_it_was_read(self):
        tag = self.makes("list.txt", b"one")
        self.assertEqual(self.info("{at}/list.txt")["list.txt"]["getetag"], tag)
        self.sends(200, "HEAD {at}/list.txt", f"If-Match: {tag}")
        self.sends(204, "PUT {at}/list.txt", f"If-Match: {tag}", body=b"one, two")
        # Somebody else was faster: it says so and sends nothing.
        self.sends(412, "HEAD {at}/list.txt", f"If-Match: {tag}")
        self.sends(412, "PUT {at}/list.txt", f"If-Match: {tag}", body=b"one, three")
        self.assertEqual(self.content("list.txt"), b"one, two")

    def test_a_file_saved_by_way_of_another_takes_its_place(self):
        self.makes("letter.odt", b"old")
        self.makes(".goutputstream-X3B2T0", b"new and longer")
        self.stat(207, "{at}/letter.odt")
        self.stat(207, "{at}/.goutputstream-X3B2T0")
        self.sends(204, "MOVE {at}/.goutputstream-X3B2T0", "Destination: http://{host}{at}/letter.odt", "Overwrite: T")
        self.assertEqual(self.listing(), ["letter.odt"])
        self.assertEqual(self.content("letter.odt"), b"new and longer")

    def test_a_new_folder_gets_its_name_and_is_copied_and_deleted(self):
        self.sends(201, "MKCOL {at}/Untitled%20Folder/")
        self.sends(201, "MOVE {at}/Untitled%20Folder", "Destination: http://{host}{at}/Tom%20&%20Ann%20(1)",
                   "Overwrite: F")
        self.makes("Tom%20&%20Ann%20(1)/a", b"a")
        self.stat(404, "{at}/Copy")
        self.stat(207, "{at}/Tom%20&%20Ann%20(1)")
        self.sends(201, "COPY {at}/Tom%20&%20Ann%20(1)", "Destination: http://{host}{at}/Copy", "Overwrite: F",
                   "Depth: infinity")
        self.comes_to(["Copy/", "Tom & Ann (1)/"])
        # A name that is taken stays whose it is.
        self.sends(412, "MOVE {at}/Copy", "Destination: http://{host}{at}/Tom%20&%20Ann%20(1)", "Overwrite: F")
        self.assertEqual(self.content("Tom & Ann (1)/a"), b"a")

    def test_a_tree_of_folders_is_deleted_from_the_inside(self):
        """It counts the members of what it deletes (try_delete_cb), and deletes nothing that has some."""
        self.sends(201, "MKCOL {at}/a/")
        self.sends(201, "MKCOL {at}/a/b/")
        self.makes("a/b/f", b"x")
        for name in ("a/b/f", "a/b", "a"):
            answer = self.stat(207, "{at}/" + name, depth=1)
            self.assertEqual(len(multistatus(answer)), 1, answer.text)
            self.sends(204, "DELETE {at}/" + name)
        self.stat(404, "{at}/a")
        self.assertEqual(sorted(self.info("{at}/", 1)), [""])


class GnomeAtTheRoot(Gnome):
    prefix = ""


class Neon(Replay):
    """The library under davfs2 and cadaver: what davfs2.conf(5) says of use_locks, lock_timeout, use_expect100 and
    if_match_bug (If-None-Match for a new file, If-Match for a changed one, else HEAD); the lock of a name that is
    not there yet in mount.davfs(8), "locks, lost update problem"; timeouts of RFC 4918, 9.10.7."""

    frame = ("Host: {host}", "User-Agent: davfs2/1.6.1 neon/0.32.2", "Connection: TE", "TE: trailers", LENGTH, FIELDS)
    lock = ('<?xml version="1.0" encoding="utf-8"?>\n<lockinfo xmlns=\'DAV:\'>\n <lockscope><exclusive/></lockscope>\n'
            "<locktype><write/></locktype><owner>somebody</owner>\n</lockinfo>\n").encode()

    executable = (
        b'<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>'
        b'<executable xmlns="http://apache.org/dav/props/">T</executable></D:prop></D:set></D:propertyupdate>')

    def test_a_new_file_is_locked_before_it_is_there(self):
        self.locks(201, "LOCK {at}/new", "Depth: 0", "Content-Type: application/xml", "Timeout: Second-1800",
                   body=self.lock)
        self.assertEqual(self.content("new"), b"")
        self.sends(423, "PUT {at}/new", body=b"without the token")
        self.sends(204, "PUT {at}/new", "If: <{at}/new> (<{token}>)", "Expect: 100-continue", body=pattern(2_000_000),
                   waits=True)
        answer = self.sends(207, "PROPPATCH {at}/new", "If: <{at}/new> (<{token}>)", "Content-Type: application/xml",
                            body=self.executable)
        executable = "{http://apache.org/dav/props/}executable"
        self.assertEqual(self.found(answer)["new"].statuses, {executable: 200})
        self.sends(200, "LOCK {at}/new", "If: (<{token}>)", "Timeout: Infinite, Second-4100000000")
        (seconds,) = [lock.findtext("{DAV:}timeout") for lock in self.active_locks("new")]
        self.assertRegex(seconds, r"^Second-\d+$")
        self.assertGreater(int(seconds[7:]), 1800)
        self.sends(204, "UNLOCK {at}/new", "Lock-Token: <{token}>")
        self.assertEqual(self.content("new"), pattern(2_000_000))
        self.assertEqual(self.properties("new")[executable], "T")
        self.is_free("new")

    def test_a_file_that_somebody_made_meanwhile_stays_theirs(self):
        self.sends(201, "PUT {at}/f", "If-None-Match: *", body=b"mine")
        tag = self.sends(200, "HEAD {at}/f")["ETag"]
        self.judge.dav("PUT", f"{self.place}/f", b"theirs")
        self.sends(412, "PUT {at}/f", "If-None-Match: *", body=b"mine")
        self.sends(412, "PUT {at}/f", f"If-Match: {tag}", body=b"mine")
        self.assertEqual(self.content("f"), b"theirs")

    def test_a_refused_upload_is_refused_before_its_body(self):
        self.locks(201, "LOCK {at}/f", "Depth: 0", "Content-Type: application/xml", "Timeout: Second-1800",
                   body=self.lock)
        other = Wire(self.shared.port)
        self.addCleanup(other.close)
        other.send(self.head("PUT {at}/f", ["Expect: 100-continue"], "Content-Length: 1000000"))
        self.assertEqual(other.interim(), 423)
        self.assertEqual(self.content("f"), b"")


class Scripts(Replay):
    """People with a shell: `curl -X PROPFIND`, with --data, which has the type of a form (curl(1)), and programs whose
    HTTP library sends no type at all."""

    frame = ("Host: {host}", "User-Agent: curl/7.88.1", "Accept: */*", FIELDS, LENGTH)

    def test_properties_are_asked_for_with_any_type_or_none_or_without_a_body(self):
        self.judge.dav("PUT", f"{self.place}/f", b"content")
        body = propfind_body("getcontentlength").encode()
        for fields in ([], ["Content-Type: application/x-www-form-urlencoded"], ["Content-Type: text/xml"]):
            answer = self.sends(207, "PROPFIND {at}/f", "Depth: 0", *fields, body=body)
            self.assertEqual(self.found(answer)["f"]["getcontentlength"], "7", fields)
            self.assertEqual(list(self.found(answer)["f"].properties), ["getcontentlength"])
        everything = self.found(self.sends(207, "PROPFIND {at}/f", "Depth: 0"))["f"]
        self.assertIn("getetag", everything.properties)
        # What an empty body in chunks asks for is the same.
        self.assertEqual(
            set(self.found(self.sends(207, "PROPFIND {at}/f", "Depth: 0", pieces=[]))["f"].properties),
            set(everything.properties))


if __name__ == "__main__":
    unittest.main()
