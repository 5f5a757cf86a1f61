"""Real faults: files that may not grow, and more memory than there is."""

import errno
import resource

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch
from safetensors.torch import save_file

from sqlkiln.core.errors import BackendError, StorageFull
from sqlkiln.train.faults import clear_errors

BIG = {"weight": torch.zeros(1 << 20)}


@pytest.fixture
def no_room():
    """Files may not grow beyond a megabyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "save", [torch.save, save_file, lambda big, path: path.write_bytes(big["weight"].numpy())]
)
@pytest.mark.usefixtures("no_room")
def test_a_file_that_cannot_be_written_is_a_full_disk(save, tmp_path):
    with pytest.raises(StorageFull, match=r"the disk is full: .* goes on from its last checkpoint"):
        with clear_errors(tmp_path):
            save(BIG, tmp_path / "weights")


def test_too_little_memory_says_what_to_lower(tmp_path):
    with pytest.raises(BackendError, match=r"out of memory while training: .*lower tokens"):
        with clear_errors(tmp_path):
            torch.empty(1 << 46, dtype=torch.uint8)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes differ"), OSError(errno.EACCES, "Permission denied"), KeyError("x")],
)
def test_other_errors_pass(error, tmp_path):
    with pytest.raises(type(error)) as seen, clear_errors(tmp_path):
        raise error
    assert seen.value is error
