"""`sqlkiln train` on a twin: what it says, and which options it refuses."""

import json

import pytest
import typer

pytest.importorskip("torch", reason="training needs the extra 'train'")

from tiny_training import write_prepared
from tiny_twins import write_twin
from typer.testing import CliRunner

from sqlkiln.cli.train import register
from sqlkiln.core.errors import UsageError


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A base in `model`, and what to train on in `data`."""
    folder = tmp_path_factory.mktemp("train")
    write_twin("llama", folder / "model")
    write_prepared(folder / "data")
    return folder


@pytest.fixture
def train(place, tmp_path):
    """Runs `sqlkiln train` into a folder of its own; errors come through."""
    app = typer.Typer()
    register(app)

    def invoke(*options):
        given = ("--model", place / "model", "--data", place / "data", "--out", tmp_path / "run")
        done = CliRunner().invoke(app, [str(part) for part in (*given, *options)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    return invoke


def test_it_tells_what_was_trained_and_what_is_next(train, tmp_path):
    first, held, last = train("--rank", 2, "--method", "dora").splitlines()
    assert first.startswith(f"{tmp_path / 'run'}: 8 examples in 1 steps, ")
    assert held.startswith("held out: ")
    assert "of 1 right, loss " in held
    assert last == f"export it: sqlkiln adapters export {tmp_path / 'run'} --to NAME.gguf"
    again = json.loads(train("--rank", 2, "--method", "dora", "--json"))
    assert (again["run"], again["examples"]) == (str(tmp_path / "run"), 8)
    config = json.loads((tmp_path / "run" / "adapter" / "adapter_config.json").read_text())
    assert (config["use_dora"], config["r"]) == (True, 2)
    base = json.loads((tmp_path / "run" / "adapter" / "base" / "config.json").read_text())
    assert (base["model_type"], base["num_hidden_layers"]) == ("llama", 2)


def test_all_weights_are_no_adapter_to_export(train, tmp_path):
    *_, last = train("--method", "full").splitlines()
    assert last.startswith(f"make a model of it: sqlkiln adapters merge {tmp_path / 'run'} --model")
    assert last.endswith(f"or train on with --model {tmp_path / 'run' / 'adapter'}")
    assert (tmp_path / "run" / "adapter" / "model.safetensors").is_file()


def test_any_other_setting_may_be_set(train, tmp_path):
    train("--rank", 2, "--set", "order=easy_first", "--set", "noise={full=1, cut=0}")
    config = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert (config["order"], config["noise"]["cut"], config["rank"]) == ("easy_first", 0, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "tokens"), "'tokens' is not of the form key=value"),
        (("--set", "token=8"), "cannot set token: unknown; did you mean 'tokens'"),
        (("--set", "tokens=many"), "cannot set tokens: wrong value: 'many'"),
        (("--set", "rank=2", "--rank", 2), "given twice: rank"),
        (("--rank", 0), "wrong option: --rank 0: "),
        (("--target", "poem"), "wrong option: --target poem: no such target; choose one of sql, "),
        (("--method", "magic"), "wrong option: --method magic: "),
        (("--adapter", "a", "--rank", 8), "wrong option: --rank 8: an adapter .* leave rank out"),
        (("--adapter", "a", "--method", "full"), "--method full: full training takes no adapter"),
    ],
)
def test_wrong_options_are_named(train, options, message):
    with pytest.raises(UsageError, match=message):
        train(*options)
