"""GGUF adapters of made-up numbers, written byte by byte."""

import math
import struct

from sqlkiln.models.adapters import CARD_KEY, Card
from sqlkiln.models.gguf import check_gguf


def write_adapter(path, width=576, rank=2, sign=1.0, **card):
    """A LoRA adapter for the queries of the first block; with fields of a card, it has one."""
    pairs = [
        ("general.type", 8, _string("adapter")),
        ("general.architecture", 8, _string("llama")),
        ("adapter.type", 8, _string("lora")),
        ("adapter.lora.alpha", 6, struct.pack("<f", float(rank))),
    ]
    if card:
        text = Card(**{"name": path.stem, "model": "smollm2-135m"} | card).model_dump_json()
        pairs.append((CARD_KEY, 8, _string(text)))
    shapes = {"lora_a": (width, rank), "lora_b": (rank, width)}
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(pairs))
    for key, kind, value in pairs:
        header += _string(key) + struct.pack("<I", kind) + value
    data = b""
    for name, (inner, outer) in shapes.items():
        header += _string(f"blk.0.attn_q.weight.{name}") + struct.pack("<I", 2)
        header += struct.pack("<QQIQ", inner, outer, 0, len(data))
        size = inner * outer
        data += struct.pack(f"<{size}f", *(sign * math.sin(n * 12.9898) for n in range(size)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + b"\0" * (-len(header) % 32) + data)
    check_gguf(path)
    return str(path)


def _string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()
