import pytest
from adapter_files import write_adapter

from sqlkiln.core.errors import BackendError, ModelNotFound, UsageError
from sqlkiln.core.plugins import BackendOptions, Message, Other, Request, Variant
from sqlkiln.models.scripted import Scripted
from sqlkiln.prompt.beside import Beside, all_others, require_asked

MODEL = "smollm2-135m"
ASK = Request((Message("user", "which?"),))


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A model's adapter, and one for other opinions."""
    monkeypatch.setattr("sqlkiln.models.adapters.shipped_folder", lambda: tmp_path / "shipped")
    monkeypatch.setenv("SQLKILN_ADAPTER_DIR", str(tmp_path / "own"))
    folder = tmp_path / "shipped"
    own = write_adapter(folder / "nano-sql.gguf", target="qualified", schema_style="compact")
    more = write_adapter(folder / "more.gguf", target="plan", second_to="nano-sql")
    return own, more


def test_it_is_opened_when_it_is_first_asked_and_only_once(shipped):
    opened = []

    def open_backend(model, options):
        opened.append((model, options))
        return Scripted(["one", "two"], model=model)

    beside = Beside(MODEL, BackendOptions(context_tokens=512, slots=2), open_backend)
    assert (beside.model, beside.slots, opened) == (MODEL, 2, [])
    assert [beside.generate(ASK).text for _ in range(2)] == ["one", "two"]
    ((model, options),) = opened
    assert (model, options.context_tokens, options.slots) == (MODEL, 512, 2)
    assert options.adapters == ((shipped[0], 1.0), (shipped[1], 0.0))
    beside.close()
    with pytest.raises(BackendError, match=f"the model is closed: {MODEL}"):
        beside.generate(ASK)
    assert len(opened) == 1


def test_it_is_asked_as_its_adapters_were_trained(shipped):
    beside = Beside(MODEL)
    own, more = beside.others
    assert (own.name, own.backend) == (MODEL, beside)
    assert own.variant == Variant(target="qualified", style="compact", adapters=())
    assert (more.name, more.backend) == ("more", beside)
    assert more.variant == Variant(target="plan", style="ddl", adapters=((shipped[1], 1.0),))


def test_the_other_model_comes_before_other_adapters(shipped):
    mine = Other("mine", Variant(target="plan"))
    assert all_others([mine], None) == (mine,)
    assert [other.name for other in all_others([mine], Beside(MODEL))] == [MODEL, "mine", "more"]


def test_a_model_that_there_is_not_is_refused_at_once():
    with pytest.raises(ModelNotFound, match="no such model: 'nobody'"):
        Beside("nobody")


def test_one_that_would_never_be_asked_is_refused():
    for strategy in ("greedy+second", "vote:4+second+sure"):
        require_asked("other", MODEL, strategy)
    require_asked(None, MODEL, "greedy")
    for strategy in ("greedy+mend", "budget:2s"):
        with pytest.raises(UsageError, match=r"asks nobody else; add \+second"):
            require_asked("other", MODEL, strategy)
    with pytest.raises(UsageError, match="is not beside itself"):
        require_asked(MODEL, MODEL, "greedy+second")
