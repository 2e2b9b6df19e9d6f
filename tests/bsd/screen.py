"""Pictures of a guest's screen: reads PNG files, and knows the picture that guest/bsd/user.c
paints (picture.h has the formula)."""

import struct
import zlib


class Picture:
    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels  # RGB, row by row

    def at(self, x, y):
        offset = 3 * (y * self.width + x)
        return tuple(self.pixels[offset:offset + 3])


def painted(width, height):
    """The test picture at this size."""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            if x in (0, width - 1) or y in (0, height - 1):
                pixels += b"\xff\xff\xff"
            else:
                pixels += bytes((x * 255 // (width - 1), y * 255 // (height - 1),
                                 0xc0 if ((x >> 4) + (y >> 4)) & 1 else 0x20))
    return Picture(width, height, bytes(pixels))


def blank(width, height):
    return Picture(width, height, bytes(3 * width * height))


def difference(got, wanted):
    """The first thing in which two pictures differ, in words; None when they are the same."""
    if (got.width, got.height) != (wanted.width, wanted.height):
        return f"{got.width}x{got.height}, not {wanted.width}x{wanted.height}"
    if got.pixels == wanted.pixels:
        return None
    for y in range(wanted.height):
        for x in range(wanted.width):
            if got.at(x, y) != wanted.at(x, y):
                return f"pixel {x},{y} is {got.at(x, y)}, not {wanted.at(x, y)}"
    return "the lengths differ"


def unfilter(kind, row, above, step):
    """Undo one row's filter (PNG, clause 9)."""
    for i, value in enumerate(row):
        left = row[i - step] if i >= step else 0
        up, corner = above[i], above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            estimate = left + up - corner
            guess = min((left, up, corner), key=lambda v: abs(estimate - v))
        else:
            guess = 0
        row[i] = (value + guess) & 0xff
    return row


def read_png(path):
    """An 8-bit RGB or RGBA file, not interlaced; an alpha channel is dropped."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path} is not a PNG file")
    packed, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if zlib.crc32(kind + body) != struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0]:
            raise ValueError(f"{path}: the checksum of {kind} is wrong")
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    if depth != 8 or colour not in (2, 6) or interlaced:
        raise ValueError(f"{path}: not 8-bit RGB or RGBA")
    step = 3 if colour == 2 else 4
    stride, plain, pixels = width * step, zlib.decompress(packed), bytearray()
    above = bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        above = unfilter(plain[start], bytearray(plain[start + 1:start + 1 + stride]), above, step)
        pixels += above if step == 3 else bytes(v for i, v in enumerate(above) if i % 4 != 3)
    return Picture(width, height, bytes(pixels))
