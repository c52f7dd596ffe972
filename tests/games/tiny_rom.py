"""A cartridge of our own for the Game Boy Advance, assembled here, and its integration.

It counts the frames in which A is held in the first word of its memory, and
shows the number as the colour of the first dot.
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

CODE = (
    0xE3A00404,  # mov r0, #0x04000000     the console's registers
    0xE3A01B01,  # mov r1, #0x400          picture layer 2,
    0xE3811003,  # orr r1, r1, #3          as 240 by 160 dots of 15 bits
    0xE1C010B0,  # strh r1, [r0]
    0xE3A02403,  # mov r2, #0x03000000     its memory
    0xE3A06406,  # mov r6, #0x06000000     its picture
    0xE3A05000,  # mov r5, #0
    0xE5825000,  # str r5, [r2]
    0xE2807C01,  # add r7, r0, #0x100
    0xE1D030B6,  # frame: ldrh r3, [r0, #6]
    0xE35300A0,  # cmp r3, #160            the row being drawn: wait for the last
    0x1AFFFFFC,  # bne frame
    0xE1D743B0,  # ldrh r4, [r7, #0x30]    its buttons, 0 when held
    0xE3140001,  # tst r4, #1
    0x05925000,  # ldreq r5, [r2]
    0x02855001,  # addeq r5, r5, #1
    0x05825000,  # streq r5, [r2]
    0xE1C650B0,  # strh r5, [r6]
    0xE1D030B6,  # passed: ldrh r3, [r0, #6]
    0xE35300A0,  # cmp r3, #160
    0x0AFFFFFC,  # beq passed
    0xEAFFFFF2,  # b frame
)
HEADER = 0xC0


def rom() -> bytes:
    header = bytearray(HEADER)
    header[:4] = struct.pack("<I", 0xEA000000 | HEADER // 4 - 2)  # b to behind the header
    header[0xB2] = 0x96  # every cartridge has this byte
    return bytes(header) + struct.pack(f"<{len(CODE)}I", *CODE) + bytes(512)


def write(folder: Path, **changes: object) -> Path:
    """The integration and the ROM; the game is over at 50.

    Returns:
        The folder.
    """
    folder.mkdir()
    count = {"address": 0x03000000, "type": "<u4"}
    scenario = {
        "done": {"variables": {"count": {"op": "equal", "reference": 50}}},
        "reward": {"variables": {"count": {"reward": 0.1}}},
        **changes,
    }
    (folder / "data.json").write_text(json.dumps({"info": {"count": count}}))
    (folder / "scenario.json").write_text(json.dumps(scenario))
    (folder / "rom.gba").write_bytes(rom())
    (folder / "rom.sha").write_text(hashlib.sha1(rom()).hexdigest() + "\n")
    return folder
