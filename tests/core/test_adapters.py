import pytest
from adapter_files import write_adapter

from sqlkiln.core import adapters
from sqlkiln.core.adapters import Adapter
from sqlkiln.core.errors import UsageError

MODEL = "smollm2-135m"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("sql", ("sql", 1.0)),
        ("a.gguf:0.5", ("a.gguf", 0.5)),
        ("dir:x/a.gguf", ("dir:x/a.gguf", 1.0)),
        ("name:-1", ("name", -1.0)),
    ],
)
def test_reads_adapters_with_and_without_a_weight(text, parsed):
    assert adapters.parse(text) == parsed


def test_a_weight_without_an_adapter_or_of_no_size_is_refused():
    with pytest.raises(UsageError, match=r"wrong weight of an adapter: 'spider:nan'; write a"):
        adapters.parse("spider:nan")
    with pytest.raises(UsageError, match=r"no adapter in"):
        adapters.parse(":0.5")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of adapters, as if they came with sqlkiln; the user has none."""
    monkeypatch.setattr("sqlkiln.models.adapters.shipped_folder", lambda: tmp_path / "shipped")
    monkeypatch.setenv("SQLKILN_ADAPTER_DIR", str(tmp_path / "own"))
    return tmp_path / "shipped"


def test_what_is_shipped_for_the_model_is_the_default(shipped):
    write_adapter(shipped / "nano-sql.gguf", target="from_first", schema_style="compact")
    (chosen,) = adapters.choose(MODEL, None)
    assert (chosen.name, chosen.weight) == ("nano-sql", 1.0)
    assert (chosen.target, chosen.schema_style) == ("from_first", "compact")
    assert adapters.options([chosen]) == ((str(shipped / "nano-sql.gguf"), 1.0),)
    assert adapters.choose("qwen2.5-coder-0.5b", None) == ()
    assert adapters.choose("https://example.org/v1#m", None) == ()


def test_a_second_opinion_is_loaded_and_off(shipped):
    main = write_adapter(shipped / "nano-sql.gguf", target="qualified")
    beside = write_adapter(shipped / "beside.gguf", target="from_first", second_to="nano-sql")
    for asked in (None, ["nano-sql"]):
        chosen = adapters.choose(MODEL, asked)
        assert adapters.options(chosen) == ((main, 1.0), (beside, 0.0))
        (opinion,) = adapters.opinions(chosen)
        assert (opinion.name, opinion.backend) == ("beside", None)
        how = opinion.variant
        assert (how.target, how.style, how.adapters) == ("from_first", "ddl", ((beside, 1.0),))
        assert adapters.shown(chosen) == "nano-sql"
    for asked in (["beside"], ["nano-sql:0.5"], ["nano-sql", "beside"], ["none"]):
        assert adapters.opinions(adapters.choose(MODEL, asked)) == ()
    write_adapter(shipped / "beside.gguf", schema_style="compact", second_to="nano-sql")
    (opinion,) = adapters.opinions(adapters.choose(MODEL, None))
    assert opinion.variant.style == "compact"


def test_none_is_the_base_alone(shipped):
    write_adapter(shipped / "nano-sql.gguf", target="sql")
    assert adapters.choose(MODEL, ["none"]) == ()
    with pytest.raises(UsageError, match="'none' goes with no other: found none, nano-sql"):
        adapters.choose(MODEL, ["none", "nano-sql"])


def test_adapters_are_shown_by_their_names_and_weights(shipped, tmp_path):
    path = write_adapter(tmp_path / "plain.gguf")
    write_adapter(shipped / "nano-sql.gguf", target="sql")
    chosen = adapters.choose(MODEL, [f"{path}:0.5", "nano-sql"])
    assert adapters.shown(chosen) == "plain:0.5+nano-sql"
    assert adapters.shown(()) is None


def test_a_backend_that_finds_no_adapters_gets_them_as_asked():
    assert adapters.choose("nobody's model", ["a:2"]) == (Adapter("a", 2.0),)


def test_the_prompt_is_the_adapters_unless_the_caller_says_otherwise():
    trained = (Adapter("a", target="from_first"), Adapter("b"))
    assert adapters.wanted(trained, "target", None, "sql") == "from_first"
    assert adapters.wanted(trained, "target", "sql", "sql") == "sql"
    assert adapters.wanted(trained, "schema_style", None, "ddl") == "ddl"


def test_adapters_that_want_different_prompts_are_refused():
    differing = (Adapter("a", target="from_first"), Adapter("b", target="sql"))
    with pytest.raises(UsageError, match="differ in target: a with from_first, b with sql"):
        adapters.wanted(differing, "target", None, "sql")
    assert adapters.wanted(differing, "target", "sql", "sql") == "sql"


def test_a_merged_model_is_prompted_as_its_adapter_was_trained(shipped, tmp_path):
    model = write_adapter(tmp_path / "merged.gguf", target="from_first", schema_style="compact")
    beside = write_adapter(tmp_path / "plain.gguf")
    chosen = adapters.choose(model, [beside])
    assert adapters.wanted(chosen, "schema_style", None, "ddl") == "compact"
    assert adapters.options(chosen) == ((beside, 1.0),)
    assert adapters.shown(chosen) == "plain"
    for asked in (None, ["none"]):
        alone = adapters.choose(model, asked)
        assert adapters.wanted(alone, "target", None, "sql") == "from_first"
        assert (adapters.options(alone), adapters.shown(alone)) == ((), None)
