"""What a gateway writes into the staging file of an encrypted store: chunks under AES-256-GCM (docs/FORMATS.md)."""

import ctypes
import ctypes.util

CHUNK = 64 << 10
TAG = 16
# EVP_CTRL_AEAD_GET_TAG of OpenSSL.
GET_TAG = 0x10


def crypto():
    """OpenSSL, which Python itself is linked with."""
    library = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def seal_chunk(library, plain, key, nonce, authenticated):
    context = ctypes.c_void_p(library.EVP_CIPHER_CTX_new())
    cipher = ctypes.c_void_p(library.EVP_aes_256_gcm())
    out, tag, count = ctypes.create_string_buffer(len(plain) or 1), ctypes.create_string_buffer(TAG), ctypes.c_int()
    try:
        done = [
            library.EVP_EncryptInit_ex(context, cipher, None, key, nonce),
            library.EVP_EncryptUpdate(context, None, ctypes.byref(count), authenticated, len(authenticated)),
            library.EVP_EncryptUpdate(context, out, ctypes.byref(count), plain, len(plain)) if plain else 1,
            library.EVP_EncryptFinal_ex(context, ctypes.create_string_buffer(TAG), ctypes.byref(count)),
            library.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG, tag),
        ]
    finally:
        library.EVP_CIPHER_CTX_free(context)
    if done != [1] * len(done):
        raise OSError("OpenSSL seals nothing")
    return out.raw[:len(plain)] + tag.raw


def sealed(content, header, key):
    """The chunks of a content whose header is `header`."""
    library, out = crypto(), b""
    for start in range(0, max(1, len(content)), CHUNK):
        is_last = start + CHUNK >= len(content)
        nonce = bytes(7) + (start // CHUNK).to_bytes(4, "big") + bytes([is_last])
        out += seal_chunk(library, content[start:start + CHUNK], key, nonce, header)
    return out
