# SPDX-License-Identifier: Apache-2.0
"""Topics on disk, read and written by docs/formats/topic.md alone: no code of the program's is
used. zstd is left out, for Python has none."""

import re
import struct
import zlib

HEAD = struct.Struct(">qiibIhiqqqhii")
XERIAL = bytes.fromhex("82534e415050590000000001") + bytes.fromhex("00000001")

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ 0x82F63B78 * (byte & 1)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


class Damage(Exception):
    pass


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value >> 1 ^ -(value & 1), at
        shift += 7


def put_varint(value):
    value = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# ---- codecs ----


def unsnappy(data):
    size = shift = at = 0
    while True:
        byte = data[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                more = length - 59
                length = int.from_bytes(data[at:at + more], "little")
                at += more
            out += data[at:at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length, back = (tag >> 2 & 7) + 4, tag >> 5 << 8 | data[at]
            at += 1
        else:
            more = 2 if tag & 3 == 2 else 4
            length, back = (tag >> 2) + 1, int.from_bytes(data[at:at + more], "little")
            at += more
        for _ in range(length):
            out.append(out[-back])
    assert len(out) == size
    return bytes(out)


def unxerial(data):
    assert data[:16] == XERIAL
    out, at = b"", 16
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        out += unsnappy(data[at + 4:at + 4 + size])
        at += 4 + size
    return out


def unlz4_block(data):
    out, at = bytearray(), 0
    while True:
        token = data[at]
        at += 1
        length = token >> 4
        if length == 15:
            while data[at] == 255:
                length += 255
                at += 1
            length += data[at]
            at += 1
        out += data[at:at + length]
        at += length
        if at == len(data):
            return bytes(out)
        back = data[at] | data[at + 1] << 8
        at += 2
        length = (token & 15) + 4
        if length == 19:
            while data[at] == 255:
                length += 255
                at += 1
            length += data[at]
            at += 1
        for _ in range(length):
            out.append(out[-back])


def unlz4(data):
    assert data[:4] == bytes.fromhex("04224d18")
    flags = data[4]
    assert flags >> 6 == 1 and flags & 0x20, "independent blocks"
    at, out = 7 + (8 if flags & 8 else 0), b""
    while True:
        size = int.from_bytes(data[at:at + 4], "little")
        at += 4
        if size == 0:
            return out
        block = data[at:at + (size & 0x7FFFFFFF)]
        out += block if size >> 31 else unlz4_block(block)
        at += len(block) + (4 if flags & 16 else 0)


UNPACK = {0: bytes, 1: lambda d: zlib.decompress(d, 31), 2: unxerial, 3: unlz4}


# ---- batches ----


def take(data, at):
    size, at = varint(data, at)
    return (None, at) if size < 0 else (data[at:at + size], at + size)


def records(batch, head):
    """Records as (offset, timestamp, key, value, [(name, value)])."""
    (base, _, _, _, _, attributes, last, time, max_time, _, _, _, count) = head
    data, at = UNPACK[attributes & 7](batch[61:]), 0
    for _ in range(count):
        size, at = varint(data, at)
        end = at + size
        delta, at = varint(data, at + 1)
        number, at = varint(data, at)
        key, at = take(data, at)
        value, at = take(data, at)
        cnt, at = varint(data, at)
        headers = []
        for _ in range(cnt):
            name, at = take(data, at)
            content, at = take(data, at)
            headers.append((name, content))
        if at != end or not 0 <= number <= last:
            raise Damage("a record")
        yield (base + number, max_time if attributes & 8 else time + delta, key, value, headers)
    if at != len(data):
        raise Damage("bytes behind the last record")


def batches(data, base):
    """(place, head, bytes) of the whole batches from the beginning on; base: the file's name."""
    at, offset = 0, base
    while at + 61 <= len(data):
        head = HEAD.unpack_from(data, at)
        end = at + 12 + head[1]
        if head[3] != 2 or head[1] < 49 or end > len(data) or head[0] != offset or head[2] != 0:
            return
        if crc32c(data[at + 21:end]) != head[4]:
            return
        yield at, head, data[at:end]
        offset, at = head[0] + head[6] + 1, end


def read(folder):
    """All records of a partition that is closed."""
    found = note((folder / "closed").read_bytes(), "closed")
    offset = None
    for path in sorted(folder.glob("*.log")):
        base, data, at = int(path.stem), path.read_bytes(), 0
        if offset not in (None, base):
            raise Damage(f"{path} begins at {base}, not at {offset}")
        offset = base
        for at, head, batch in batches(data, base):
            yield from records(batch, head)
            offset = head[0] + head[6] + 1
            at += len(batch)
        if at != len(data):
            raise Damage(f"{path} is not whole at byte {at}")
        if base == int(found["segment"]) and at != int(found["size"]):
            raise Damage(f"{path} has another size than at its close")
    if offset != int(found["next_offset"]):
        raise Damage(f"the end is at {offset}")


def encode(base, rows, gzip=False, **more):
    """A batch of rows (timestamp, key, value, headers)."""
    def put(text):
        return put_varint(-1) if text is None else put_varint(len(text)) + text

    first, body = rows[0][0], b""
    for number, (time, key, value, headers) in enumerate(rows):
        rec = b"\0" + put_varint(time - first) + put_varint(number) + put(key) + put(value)
        rec += put_varint(len(headers)) + b"".join(put(n) + put(v) for n, v in headers)
        body += put_varint(len(rec)) + rec
    if gzip:
        packer = zlib.compressobj(wbits=31)
        body = packer.compress(body) + packer.flush()
    head = [base, 49 + len(body), 0, 2, 0, 1 if gzip else 0, len(rows) - 1, first,
            max(r[0] for r in rows), more.get("producer", -1), more.get("epoch", -1),
            more.get("sequence", -1), len(rows)]
    head[4] = crc32c((HEAD.pack(*head) + body)[21:])
    return HEAD.pack(*head) + body


# ---- indexes, marks ----


def index(data, base):
    return [(base + a, b) for a, b in struct.iter_unpack(">ii", data)]


def time_index(data, base):
    return [(a, base + b) for a, b in struct.iter_unpack(">qi", data)]


def readable(data):
    assert len(data) == 64 and data[:8] == b"mrtopic1"
    assert int.from_bytes(data[60:], "big") == crc32c(data[:60])
    names = ("readable", "synced", "synced_base", "synced_pos", "held", "end_base", "end_pos")
    return dict(zip(names, struct.unpack(">qqqqiqq", data[8:60])))


def note(data, kind):
    body, line = data[:-16], data[-16:].decode()
    if not re.fullmatch(r"crc32c [0-9a-f]{8}\n", line) or int(line[7:], 16) != crc32c(body):
        raise Damage("a note")
    lines = body.decode().splitlines()
    assert lines[0] == f"millrace {kind}"
    return dict(text.split(" ", 1) for text in lines[1:])


def make_note(kind, **values):
    body = f"millrace {kind}\n" + "".join(f"{k} {v}\n" for k, v in values.items())
    return (body + f"crc32c {crc32c(body.encode()):08x}\n").encode()
