"""What is put comes back, byte for byte, under any allowed name; the view shows it and is never read."""

import os
import threading
import unicodedata
import unittest

from client import pattern, quoted, sha256
from harness import SharedNodeCase, eventually

SIZES = [0, 1, 65535, 65536, 65537, 1024 * 1024 + 1]

NAMES = [
    "a name with spaces.txt",
    " leading and trailing ",
    "hash#inside.txt",
    "question?mark=yes&more.txt",
    "percent%41.txt",
    "100%.txt",
    "plus+and;semicolon,comma.txt",
    "quotes'and\"double\".txt",
    "back\\slash and <angle> |pipe|.txt",
    "emoji 🐸🇩🇪👩‍👩‍👧.jpg",
    "tab\tand newline\nin a name",
    "...three dots",
    ".hidden",
    "-rf",
    "ÄÖÜ straße Ελληνικά 日本語",
    "x" * 255,
    "ü" * 127,
]


class RoundTrip(SharedNodeCase):
    def put_and_get(self, path, data, chunks=None):
        target = "/api/files" + quoted(path)
        if chunks is None:
            answer = self.client.put(target, data)
        else:
            answer = self.client.put_chunked(target, chunks)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.json["checksum"], sha256(data))
        self.assertEqual(answer.json["size"], len(data))
        self.assertTrue(answer.json["success"])
        self.assertEqual(answer.json["copies"], 1)
        self.assertEqual(answer["X-ClusterF-Copies"], "1")
        got = self.client.get(target)
        self.assertEqual(got.status, 200, got)
        self.assertEqual(sha256(got.body), sha256(data))
        self.assertEqual(got["Content-Length"], str(len(data)))
        self.assertEqual(got["ETag"], f'"{sha256(data)}"')
        return answer

    def test_every_size_with_a_length(self):
        for size in SIZES:
            with self.subTest(size=size):
                self.put_and_get(f"/sizes/length-{size}", pattern(size, size))

    def test_every_size_chunked(self):
        for size in SIZES:
            for step in (7000, 65536, 1 << 20):
                with self.subTest(size=size, step=step):
                    data = pattern(size, size + step)
                    chunks = [data[at:at + step] for at in range(0, size, step)]
                    self.put_and_get(f"/sizes/chunked-{size}-{step}", data, chunks)

    def test_chunks_of_one_byte(self):
        data = pattern(3000)
        self.put_and_get("/sizes/bytewise", data, [data[at:at + 1] for at in range(len(data))])

    def test_replacing_a_small_file_by_a_large_one_and_back(self):
        target = "/api/files/sizes/changes"
        for number, size in enumerate([10, 200_000, 0, 65536, 65537, 5]):
            data = pattern(size, number)
            self.assertEqual(self.client.put(target, data).status, 200 if number else 201)
            self.assertEqual(self.client.get(target).body, data)

    def test_every_name(self):
        for number, name in enumerate(NAMES):
            with self.subTest(name=name):
                data = pattern(100, number)
                self.put_and_get(f"/names/{name}", data)
                # The name is not taken for part of the path or query, and comes back as it was given.
                metadata = self.client.get("/api/metadata" + quoted(f"/names/{name}"))
                self.assertEqual(metadata.status, 200, metadata)
                self.assertEqual(metadata.json["name"], name)
                self.assertEqual(metadata.json["path"], f"/names/{name}")
        listed = [entry["name"] for entry in self.client.get("/api/files/names/").json["entries"]]
        self.assertEqual(set(listed), set(NAMES))

    def test_names_reach_their_place_in_the_view(self):
        for number, name in enumerate(NAMES):
            with self.subTest(name=name):
                data = pattern(70_000 + number, number)
                self.put_and_get(f"/viewed names/{name}", data)
                place = os.path.join(self.shared.view, "viewed names", name)
                eventually(10, lambda: os.path.getsize(place) == len(data), f"the view of {name!r}")

    def test_a_name_in_nfd_is_the_name_in_nfc(self):
        composed = "Ünïcödé 각.txt"
        decomposed = unicodedata.normalize("NFD", composed)
        self.assertNotEqual(composed, decomposed)
        data = pattern(50)
        answer = self.client.put("/api/files/nfd/" + quoted(decomposed), data)
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.json["path"], "/nfd/" + unicodedata.normalize("NFC", composed))
        for form in (composed, decomposed):
            self.assertEqual(self.client.get("/api/files/nfd/" + quoted(form)).body, data)
        self.assertEqual(self.client.put("/api/files/nfd/" + quoted(composed), data).status, 200)
        self.assertEqual(self.client.get("/api/files/nfd/").json["count"], 1)

    def test_a_literal_percent_is_decoded_once(self):
        self.assertEqual(self.client.put("/api/files/once/%2541", b"percent").status, 201)
        self.assertEqual(self.client.put("/api/files/once/%41", b"letter").status, 201)
        self.assertEqual(self.client.get("/api/files/once/A").body, b"letter")
        self.assertEqual(self.client.get("/api/files/once/%2541").body, b"percent")

    def test_deep_paths_up_to_4096_bytes(self):
        path = "/deep" + "/d" * 2000
        self.put_and_get(path, b"down here")

    def test_fifty_at_once(self):
        failures = []

        def one(number):
            data = pattern(1000 * number + (300_000 if number % 5 == 0 else 0), number)
            with self.shared.client() as client:
                target = f"/api/files/fifty/{number}"
                put = client.put(target, data)
                got = client.get(target)
                if put.status != 201 or got.body != data:
                    failures.append((number, put, got.status, len(got.body), len(data)))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.client.get("/api/files/fifty/").json["count"], 50)

    def test_many_on_one_path_leave_one_of_them_whole(self):
        bodies = [pattern(40_000 + 9_000 * number, number) for number in range(12)]
        answers = []

        def one(body):
            with self.shared.client() as client:
                answers.append(client.put("/api/files/contended", body).status)

        threads = [threading.Thread(target=one, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [200] * 11 + [201])
        self.assertIn(self.client.get("/api/files/contended").body, bodies)


class View(SharedNodeCase):
    def test_a_file_is_seen_with_its_name_content_and_time(self):
        data = pattern(123_456)
        target = "/api/files/photos/2024/photo%20one.jpg"
        answer = self.client.put(target, data, X_ClusterF_Modified_At="2024-02-29T12:34:56.789Z")
        self.assertEqual(answer.status, 201)
        place = os.path.join(self.shared.view, "photos/2024/photo one.jpg")
        eventually(10, lambda: os.path.exists(place), "the view")
        with open(place, "rb") as file:
            self.assertEqual(file.read(), data)
        self.assertEqual(int(os.stat(place).st_mtime), 1709210096)

    def test_small_content_is_seen_too(self):
        self.assertEqual(self.client.put("/api/files/notes/note.txt", b"hello").status, 201)
        place = os.path.join(self.shared.view, "notes/note.txt")
        eventually(10, lambda: os.path.exists(place), "the view")
        with open(place, "rb") as file:
            self.assertEqual(file.read(), b"hello")

    def test_an_overwrite_and_a_delete_show(self):
        place = os.path.join(self.shared.view, "shown/file")
        for data in (b"first", pattern(80_000), b"third"):
            self.client.put("/api/files/shown/file", data)

            def shows():
                with open(place, "rb") as file:
                    return file.read() == data
            eventually(10, shows, "the view of the new content")
        self.assertEqual(self.client.delete("/api/files/shown/file").status, 204)
        eventually(10, lambda: not os.path.exists(place), "the end of the view's file")

    def test_the_view_is_never_read(self):
        data = pattern(100_000)
        self.client.put("/api/files/original", data)
        place = os.path.join(self.shared.view, "original")
        eventually(10, lambda: os.path.exists(place), "the view")
        with open(place + ".new", "wb") as file:
            file.write(b"something else")
        os.rename(place + ".new", place)
        got = self.client.get("/api/files/original")
        self.assertEqual(got.status, 200)
        self.assertEqual(got.body, data)

    def test_a_directory_shows_and_goes(self):
        self.client.post("/api/files/empty/inside", X_Create_Directory="true")
        place = os.path.join(self.shared.view, "empty/inside")
        eventually(10, lambda: os.path.isdir(place), "the view of the directory")
        self.assertEqual(self.client.delete("/api/files/empty/inside").status, 204)
        eventually(10, lambda: not os.path.exists(place), "the end of the view's directory")


if __name__ == "__main__":
    unittest.main()
