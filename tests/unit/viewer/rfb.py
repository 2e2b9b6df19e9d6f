# SPDX-License-Identifier: ISC
"""A client of the remote frame buffer protocol (RFC 6143) that checks what it is told."""

import ctypes
import ctypes.util
import socket
import struct

RAW, CURSOR, NEW_SIZE, EXTENDED_SIZE, QEMU_LEDS = 0, -239, -223, -308, -261
EXTENDED_CLIPBOARD = -1063131698  # 0xc0a1e5ce
NONE, PASSWORD = 1, 2
PATIENCE = 60
DES, ECB = 302, 1  # of libgcrypt


def encrypt(password, challenge):
    """What shows the password (RFC 6143, 7.2.2): DES with the bits of each byte of it reversed."""
    gcrypt = ctypes.CDLL(ctypes.util.find_library("gcrypt"))
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode().ljust(8, b"\0")[:8])
    cipher, out = ctypes.c_void_p(), ctypes.create_string_buffer(len(challenge))
    gcrypt.gcry_check_version(None)
    gcrypt.gcry_cipher_open(ctypes.byref(cipher), DES, ECB, 0)
    gcrypt.gcry_cipher_setkey(cipher, key, ctypes.c_size_t(len(key)))
    gcrypt.gcry_cipher_encrypt(cipher, out, ctypes.c_size_t(len(challenge)), challenge,
                               ctypes.c_size_t(len(challenge)))
    gcrypt.gcry_cipher_close(cipher)
    return out.raw


def connect(address, patience=PATIENCE):
    """A stream to "HOST:PORT", "[HOST]:PORT" or "unix:PATH"."""
    if address.startswith("unix:"):
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(address[5:])
    else:
        host, _, port = address.rpartition(":")
        stream = socket.create_connection((host.strip("[]"), int(port)))
    stream.settimeout(patience)
    return stream


class Client:
    def __init__(self, address, password=None, encodings=(RAW, CURSOR, NEW_SIZE, EXTENDED_SIZE)):
        self.stream = connect(address)
        self.cursor = self.leds = None
        self.received = 0
        self.greet(password)
        self.stream.sendall(struct.pack(">BxH", 2, len(encodings)) +
                            b"".join(struct.pack(">i", encoding) for encoding in encodings))

    def read(self, length):
        data = bytearray()
        while len(data) < length:
            part = self.stream.recv(min(length - len(data), 1 << 20))
            if not part:
                raise EOFError
            data += part
        self.received += length
        return bytes(data)

    def unpack(self, form):
        return struct.unpack(form, self.read(struct.calcsize(form)))

    def text(self):
        return self.read(self.unpack(">I")[0]).decode()

    def greet(self, password):
        self.version = self.read(12)
        self.stream.sendall(b"RFB 003.008\n")
        self.kinds = list(self.read(self.read(1)[0]))
        kind = NONE if password is None else PASSWORD
        self.stream.sendall(bytes([kind]))
        if password is not None:
            self.stream.sendall(encrypt(password, self.read(16)))
        if self.unpack(">I")[0]:
            raise PermissionError(self.text())
        self.stream.sendall(b"\1")
        self.resized(*self.unpack(">HH"))
        self.form = self.read(16)
        self.name = self.text()

    def resized(self, width, height):
        self.width, self.height = width, height
        self.pixels = bytearray(width * height * 4)

    def ask(self, incremental=True):
        self.stream.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))

    def key(self, keysym, down):
        self.stream.sendall(struct.pack(">BBxxI", 4, down, keysym))

    def stroke(self, *keysyms):
        for keysym in keysyms:
            self.key(keysym, True)
        for keysym in reversed(keysyms):
            self.key(keysym, False)

    def pointer(self, buttons, x, y):
        self.stream.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    def cut(self, text):
        self.stream.sendall(struct.pack(">BxxxI", 6, len(text)) + text)

    def wish(self, width, height):
        self.stream.sendall(struct.pack(">BxHHBx", 251, width, height, 1) +
                            struct.pack(">IHHHHI", 0, 0, 0, width, height, 0))

    def rectangle(self):
        x, y, width, height, encoding = self.unpack(">HHHHi")
        if encoding == RAW:
            for line in range(y, y + height):
                at = (line * self.width + x) * 4
                self.pixels[at:at + width * 4] = self.read(width * 4)
        elif encoding == CURSOR:
            self.cursor = (x, y, width, height, self.read(width * height * 4),
                           self.read((width + 7) // 8 * height))
        elif encoding == NEW_SIZE:
            self.resized(width, height)
        elif encoding == EXTENDED_SIZE:
            self.read(16 * self.unpack("B3x")[0])
            if (width, height) != (self.width, self.height):
                self.resized(width, height)
        elif encoding == QEMU_LEDS:
            self.leds = self.unpack("B")[0]
        else:
            raise AssertionError(f"a rectangle with encoding {encoding}")
        return x, y, width, height, encoding

    def message(self):
        """The rectangles of the next update."""
        kind = self.read(1)[0]
        if kind == 0:
            return [self.rectangle() for _ in range(self.unpack(">xH")[0])]
        if kind == 3:  # cut text, or the extended clipboard's capabilities
            length = self.unpack(">xxxi")[0]
            self.read(abs(length))
            return []
        raise AssertionError(f"a message of type {kind}")

    def until(self, condition, what):
        """Takes updates until condition(self)."""
        while not condition(self):
            self.ask()
            try:
                self.message()
            except socket.timeout:
                raise AssertionError(f"in vain for: {what}") from None

    def close(self):
        self.stream.close()
