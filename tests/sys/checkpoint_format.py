# SPDX-License-Identifier: Apache-2.0
"""A reader of checkpoints, written from docs/formats/checkpoint.md alone."""

import json
import pathlib
import struct


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Damaged(Exception):
    pass


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Damaged("ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self):
        return self.take(1)[0]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def name(self):
        return self.take(self.byte()).decode()


def value(b, kind):
    if kind == 1:
        return struct.unpack("<q", b.take(8))[0]
    if kind == 2:
        return struct.unpack("<d", b.take(8))[0]
    if kind == 3:
        data = b.take(b.u32())
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data
    raise Damaged(f"type {kind}")


def cell(b, kind):
    if not b.byte():
        return None
    if kind & 8:
        return [cell(b, kind & ~8) for _ in range(b.u32())]
    return value(b, kind)


def rows(b):
    columns = []
    for _ in range(b.u32()):
        kind = b.byte()
        columns.append((b.name(), kind))
    out = []
    while b.byte():
        out.append({name: cell(b, kind) for name, kind in columns})
    return out


def fields(b, inside):
    out = {}
    while inside or b.at < len(b.data):
        kind = b.byte()
        if kind == 0 and inside:
            return out
        name = b.name()
        if kind == 4:
            out[name] = fields(b, True)
        elif kind == 5:
            out[name] = rows(b)
        else:
            out[name] = value(b, kind)
    return out


def newest(folder):
    return max(int(p.name.split(".")[0]) for p in pathlib.Path(folder).glob("*.manifest"))


def read(folder, number=None):
    """The manifest of a checkpoint, without number the newest; instances have their `record`."""
    folder = pathlib.Path(folder)
    number = number or newest(folder)
    text = (folder / f"{number:012d}.manifest").read_bytes()
    body, last = text[: text[:-1].rindex(b"\n") + 1], text[text[:-1].rindex(b"\n") + 1 :]
    if last != b"crc32c %08x\n" % crc32c(body):
        raise Damaged("the manifest's checksum")
    manifest = json.loads(body)
    if manifest["millrace_checkpoint"] != 1 or manifest["number"] != number:
        raise Damaged("version or number")
    state = (folder / f"{number:012d}.state").read_bytes()
    if len(state) != manifest["state_bytes"] or state[:16] != b"MRSTATE1" + bytes(8):
        raise Damaged("the state file")
    for instance in manifest["instances"]:
        data = state[instance["offset"] : instance["offset"] + instance["length"]]
        if crc32c(data) != instance["crc32c"]:
            raise Damaged(f"the record of {instance['node']}")
        instance["record"] = fields(Bytes(data), False)
    return manifest
