"""A tiny model, once for transformers and once as GGUF."""

import pytest


@pytest.fixture(scope="session", params=["llama", "qwen2"])
def twins(request, tmp_path_factory):
    """A kind of model, the GGUF file of a tiny one, and its log probabilities."""
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    from tiny_models import distance, in_llama_cpp, in_transformers, tiny_model, write_gguf

    model = tiny_model(request.param)
    path = write_gguf(model, tmp_path_factory.mktemp(request.param) / "tiny.gguf")
    plain = in_transformers(model)
    assert distance(in_llama_cpp(str(path)), plain) < 0.01
    return request.param, str(path), plain
