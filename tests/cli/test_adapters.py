import json
import shutil

import pytest
import typer
from adapter_files import write_adapter
from typer.testing import CliRunner

from sqlkiln.cli.adapters import register
from sqlkiln.core.errors import ModelCorrupt, ModelNotFound, UsageError


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs `sqlkiln adapters ...` with folders of adapters of its own; errors come through."""
    monkeypatch.setattr("sqlkiln.models.adapters.shipped_folder", lambda: tmp_path / "shipped")
    monkeypatch.setenv("SQLKILN_ADAPTER_DIR", str(tmp_path / "own"))
    app = typer.Typer()
    register(app)

    def invoke(*arguments):
        done = CliRunner().invoke(app, ["adapters", *map(str, arguments)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return invoke


@pytest.fixture
def two(tmp_path):
    write_adapter(tmp_path / "shipped" / "nano-sql.gguf", target="from_first", scores={"EX": 31.5})
    write_adapter(tmp_path / "own" / "mine.gguf")


def test_the_list_tells_what_there_is(run, two):
    first, second = run("list").splitlines()
    assert first.split()[:3] == ["*", "nano-sql", "smollm2-135m"]
    assert first.endswith("from_first  EX 31.5")
    assert second.split()[:2] == ["mine", "unknown"]
    assert second.endswith("no scores")
    rows = json.loads(run("list", "--json"))
    assert [(row["name"], row["default"]) for row in rows] == [("nano-sql", True), ("mine", False)]


def test_an_empty_list_says_so(run):
    assert "there are none yet" in run("list")
    assert json.loads(run("list", "--json")) == []


def test_a_damaged_file_among_them_is_named(run, two, tmp_path):
    (tmp_path / "own" / "junk.gguf").write_bytes(b"junk")
    with pytest.raises(ModelCorrupt, match=r"not a GGUF model: .*junk\.gguf does not start"):
        run("list")


def test_a_card_is_shown(run, two):
    assert run("show", "nano-sql").startswith("# nano-sql\n")
    assert json.loads(run("show", "nano-sql", "--json"))["scores"] == {"EX": 31.5}
    with pytest.raises(UsageError, match=r"no card: .*mine\.gguf was not made by sqlkiln"):
        run("show", "mine")
    with pytest.raises(ModelNotFound, match="no such adapter: other"):
        run("show", "other")


def test_a_folder_is_exported_and_merged(run, tmp_path, tiny):
    base, peft = tiny
    said = run(
        "export", peft, "--to", tmp_path / "own" / "a.gguf", "--model", base, "--target",
        "from_first", "--score", "EX=64.5", "--data-licence", "CC BY-SA 4.0",
    )  # fmt: skip
    assert "a.gguf: " in said
    assert "rank 8" in said
    card = json.loads(run("show", "a", "--json"))
    assert (card["model"], card["target"], card["scores"]) == (base, "from_first", {"EX": 64.5})
    assert len(card["model_sha256"]) == 64
    merged = tmp_path / "m.gguf"
    said = run("merge", "a:0.5", peft, "--model", base, "--to", merged, "--type", "q4_1")
    assert "14 tensors changed" in said
    card = json.loads(run("show", merged, "--json"))
    assert (card["method"], card["target"]) == ("merged: a:0.5+peft", "from_first")


def test_legs_are_averaged(run, tmp_path, tiny):
    base, peft = tiny
    mean = tmp_path / "mean.gguf"
    given = ("--to", mean, "--model", base, "--target", "qualified", "--score", "EX=1.5")
    said = run("average", f"{peft}:0.25", peft, *given)
    assert "mean.gguf: " in said
    assert "rank 8, the mean of 2, without 0.00% of its change" in said
    card = json.loads(run("show", mean, "--json"))
    assert card["method"] == "lora, the mean of peft:0.25+peft:0.75"
    assert (card["model"], card["target"], card["scores"]) == (base, "qualified", {"EX": 1.5})
    with pytest.raises(UsageError, match="nothing to average: 1 adapter; give two or more"):
        run("average", peft, *given)
    with pytest.raises(UsageError, match=r"no adapter to export: .*elsewhere"):
        run("average", peft, tmp_path / "elsewhere", *given)


@pytest.mark.parametrize("weights", [(2, -1), (0.5, 0.6), (0.3, 0.3), (1, None), ("nan", 0.5)])
def test_weights_that_make_no_mean_are_refused(run, tmp_path, weights):
    legs = [f"leg{n}" + (f":{w}" if w is not None else "") for n, w in enumerate(weights)]
    with pytest.raises(UsageError, match=r"no weights of a mean: leg0:.* each must be above 0 and"):
        run("average", *legs, "--to", tmp_path / "mean.gguf")
    with pytest.raises(UsageError, match=r"not a weight: 'x' in 'leg1:x'; write RUN:0\.5"):
        run("average", "leg1:x", "leg2", "--to", tmp_path / "mean.gguf")


@pytest.mark.parametrize("command", ["export", "average", "merge"])
def test_what_is_written_is_called_a_gguf(run, tmp_path, command):
    given = ("--model", "m") if command == "merge" else ()
    with pytest.raises(
        UsageError, match=r"not the name of a GGUF file: mine; write --to mine\.gguf"
    ):
        run(command, "a", *given, "--to", "mine")


def test_the_card_of_a_run_is_shown_before_it_is_exported(run, tmp_path, tiny):
    base, peft = tiny
    shutil.copytree(peft, tmp_path / "leg" / "adapter")
    config = tmp_path / "leg" / "adapter" / "adapter_config.json"
    told = json.loads(config.read_text()) | {"base_model_name_or_path": base}
    config.write_text(json.dumps(told))
    card = json.loads(run("show", tmp_path / "leg", "--json"))
    assert (card["name"], card["model"], card["method"], card["rank"]) == ("leg", base, "lora", 8)


def test_what_cannot_be_exported_is_refused(run, tmp_path, tiny):
    _, peft = tiny
    to = tmp_path / "a.gguf"
    with pytest.raises(UsageError, match="no adapter to export: "):
        run("export", tmp_path, "--to", to)
    with pytest.raises(UsageError, match="nothing tells the base of the adapter in "):
        run("export", peft, "--to", to)
    with pytest.raises(UsageError, match="not a score: 'good'; write WHAT=NUMBER"):
        run("export", peft, "--to", to, "--score", "good")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny base as GGUF, and the folder of an adapter of it."""
    pytest.importorskip("torch", reason="exporting needs the extra 'train'")
    from tiny_models import adapted, tiny_model, write_gguf

    folder = tmp_path_factory.mktemp("tiny")
    base = write_gguf(tiny_model("qwen2"), folder / "base.gguf")
    adapted("qwen2", folder / "peft")
    return str(base), folder / "peft"
