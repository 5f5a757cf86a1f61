import struct

import pytest

from sqlkiln.core.errors import ModelCorrupt, ModelNotFound
from sqlkiln.models.gguf import check_gguf


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(version=3, alignment=64, kind=8, pairs=None):
    """One F32 tensor of 3 x 5 (60 bytes) and one Q8_0 of 64 values (2 blocks of 34 bytes)."""
    pairs = pairs or [
        text("general.alignment") + struct.pack("<II", 4, alignment),
        text("general.name") + struct.pack("<I", 8) + text("tiny"),
        text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc"),
        text("scores") + struct.pack("<IIQ", 9, 6, 2) + struct.pack("<ff", 0.5, 0.25),
        text("nested") + struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 4, 1) + bytes(4),
        text("flag") + struct.pack("<I?", 7, True),
    ]
    head = b"GGUF" + struct.pack("<IQQ", version, 2, len(pairs)) + b"".join(pairs)
    head += text("first") + struct.pack("<IQQIQ", 2, 3, 5, 0, 0)
    head += text("second") + struct.pack("<IQIQ", 1, 64, kind, 64)
    return head + bytes(-len(head) % alignment) + bytes(64 + 68)


@pytest.mark.parametrize("version", [2, 3])
def test_whole_file_passes(tmp_path, version):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf(version))
    assert check_gguf(path) is None


def test_every_file_cut_short_is_refused(tmp_path):
    path, whole = tmp_path / "m.gguf", gguf()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelCorrupt):
            check_gguf(path)


def test_one_missing_byte_is_named(tmp_path):
    path, whole = tmp_path / "m.gguf", gguf()
    path.write_bytes(whole[:-1])
    with pytest.raises(
        ModelCorrupt, match=f"cut short: .* {len(whole) - 1} .* {len(whole)}; fetch"
    ):
        check_gguf(path)


def test_tensor_of_an_unknown_type_must_at_least_begin_in_the_file(tmp_path):
    path, whole = tmp_path / "m.gguf", gguf(kind=999)
    path.write_bytes(whole[:-68])
    assert check_gguf(path) is None
    path.write_bytes(whole[:-69])
    with pytest.raises(ModelCorrupt, match="cut short"):
        check_gguf(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a GGUF model: .* does not start with 'GGUF'"),
        (b"SQLite format 3\0", "not a GGUF model"),
        (gguf(version=1), "damaged model file: .*version 1"),
        (gguf(version=0x03000000), "damaged model file: .*version 50331648"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "a count of 1,152,921,504,606,846,976"),
        (gguf(pairs=[text("k") + struct.pack("<I", 77)]), "value type 77"),
        (gguf(pairs=[text("k") + struct.pack("<IIQ", 9, 4, 2**61)]), "past the end"),
        (gguf(pairs=[text("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 6]), "type 9"),
    ],
)
def test_nonsense_is_refused(tmp_path, content, message):
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=message):
        check_gguf(path)


def test_alignment_zero_is_refused(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf().replace(struct.pack("<II", 4, 64), struct.pack("<II", 4, 0), 1))
    with pytest.raises(ModelCorrupt, match="alignment 0"):
        check_gguf(path)


def test_missing_file_and_folder_are_told_apart(tmp_path):
    with pytest.raises(ModelNotFound, match=r"no such model file: .*x\.gguf: found nothing; check"):
        check_gguf(tmp_path / "x.gguf")
    with pytest.raises(ModelNotFound, match="found a folder"):
        check_gguf(tmp_path)


def test_impossible_path_is_an_error_of_ours(tmp_path):
    with pytest.raises(ModelNotFound, match="cannot read the model"):
        check_gguf(tmp_path / ("x" * 5000 + ".gguf"))
