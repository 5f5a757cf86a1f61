"""Training of a tiny model: killed and gone on with, by two processes, and what goes wrong."""

import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import huggingface_hub
import torch
from safetensors.torch import load_file
from tiny_training import demonstration, write_prepared, write_records
from tiny_twins import write_twin

from sqlkiln.core.config import read_recipe
from sqlkiln.core.errors import (
    BackendError,
    DataError,
    ModelCorrupt,
    ModelNotFound,
    StorageFull,
    UsageError,
)
from sqlkiln.core.runner import run_recipe
from sqlkiln.core.store import execute_stage
from sqlkiln.train.config import ALL_LINEAR, SftConfig
from sqlkiln.train.sft import STAGE, last_checkpoint
from sqlkiln.train.watch import mean_loss, read_log

RECIPE = """
[sft]
model = "{model}"
data = "{data}"
epochs = 13
packed = false
accumulate = 1
rank = 4
dropout = 0.1
rate = 1e-2
dtype = "float32"
modules = ["q_proj", "v_proj"]
checkpoint_minutes = 1e-6
heldout_times = 2
"""
"""104 steps of one question each; a checkpoint at every step that is logged: each fifth."""


@dataclass(frozen=True)
class Place:
    """Folders of the base and the data, and a recipe over both."""

    base: Path
    data: Path
    recipe: Path

    def config(self, **changes):
        given = {"model": str(self.base), "data": self.data, "modules": ("q_proj",), "epochs": 0.2}
        return SftConfig(**given | changes)

    def train(self, runs, *settings):
        """Run the recipe in this process; gives the folder of the run."""
        changed = [f"sft.{setting}" for setting in settings]
        (trained,) = run_recipe(read_recipe(self.recipe, changed), runs)
        return trained.folder

    def command(self, runs, *settings):
        changed = [part for setting in settings for part in ("--set", f"sft.{setting}")]
        return ["-m", "sqlkiln", "run", str(self.recipe), "--runs", str(runs), *changed]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sft")
    base, data = write_twin("llama", folder / "model"), write_prepared(folder / "data")
    (folder / "tiny.toml").write_text(RECIPE.format(model=base, data=data))
    return Place(base, data, folder / "tiny.toml")


@pytest.fixture(scope="module")
def undisturbed(place, tmp_path_factory):
    """A run that nothing interrupts."""
    return place.train(tmp_path_factory.mktemp("undisturbed"))


CLOCK = ("seconds", "left_s", "tokens_per_s")


def told(run):
    """What `loss.jsonl` says, less what the clock decides."""
    return [
        {name: value for name, value in entry.items() if name not in CLOCK}
        for entry in read_log(run / "loss.jsonl")
    ]


def weights(run):
    return load_file(run / "adapter" / "adapter_model.safetensors")


def assert_same(one, other, within):
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name, matrix in ours.items():
        torch.testing.assert_close(matrix, theirs[name], atol=within, rtol=0)


def wait_for_step(run_of, step, process):
    """Wait until the run has logged `step`; it must not have ended by then."""
    while process.poll() is None:
        entries = [entry for run in run_of() for entry in read_log(run / "loss.jsonl")]
        if any(entry["step"] >= step for entry in entries):
            return
        time.sleep(0.002)
    pytest.fail(f"it ended by itself: {process.communicate()[1]}")


class TestGoingOn:
    @pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGKILL])
    def test_a_killed_run_goes_on_as_if_nothing_had_been(self, blow, place, undisturbed, tmp_path):
        command = [sys.executable, *place.command(tmp_path)]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        wait_for_step(lambda: tmp_path.glob("tiny/sft-*"), 45, process)
        process.send_signal(blow)
        assert process.wait() == -blow
        (cut,) = tmp_path.glob("tiny/sft-*")
        assert not (cut / "manifest.json").exists()

        run = place.train(tmp_path)

        assert run == cut
        assert not (run / "checkpoints").exists()
        assert len(told(run)) == len(told(undisturbed)) == 21 + 1 + 2
        for ours, theirs in zip(told(run), told(undisturbed), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-5)
        assert_same(run, undisturbed, 1e-6)
        entries = read_log(run / "loss.jsonl")
        seconds = [entry["seconds"] for entry in entries if "loss" in entry]
        assert seconds == sorted(seconds)

    def test_the_mean_loss_counts_every_step(self, undisturbed):
        manifest = json.loads((undisturbed / "manifest.json").read_text())
        entries = [
            {"step": 1, "loss": 5.0},
            {"step": 4, "heldout_loss": 9.0},
            {"step": 5, "loss": 1.0},
        ]
        assert mean_loss(entries) == (5 + 4 * 1) / 5
        assert mean_loss([]) == 0
        logged = [entry for entry in told(undisturbed) if "loss" in entry]
        assert [entry["step"] for entry in logged] == [1, *range(5, 105, 5), 104]
        assert manifest["counts"]["loss"] == mean_loss(logged)
        assert manifest["counts"]["steps"] == 104

    def test_a_half_written_checkpoint_is_passed_over(self, tmp_path):
        for step in (5, 10, 15):
            (tmp_path / f"checkpoint-{step}").mkdir()
        assert last_checkpoint(tmp_path, 20) is None
        for step in (5, 10):
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text('{"max_steps": 20}')
        assert last_checkpoint(tmp_path, 20) == str(tmp_path / "checkpoint-10")

    def test_a_checkpoint_of_fewer_processes_is_refused(self, tmp_path):
        (tmp_path / "checkpoint-5").mkdir()
        (tmp_path / "checkpoint-5" / "trainer_state.json").write_text('{"max_steps": 20}')
        with pytest.raises(
            UsageError, match=r"is one of 20 steps, and 1 processes take 40; launch"
        ):
            last_checkpoint(tmp_path, 40)

    def test_a_half_written_line_is_passed_over(self, tmp_path):
        (tmp_path / "loss.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
        assert read_log(tmp_path / "loss.jsonl") == [{"step": 1, "loss": 2.0}]

    def test_other_data_of_the_same_name_is_another_run(self, place, tmp_path):
        data = write_prepared(tmp_path / "data")
        execute_stage(STAGE, place.config(data=data), (), tmp_path / "run")
        write_records(data / "demonstrations.jsonl", [demonstration("ids", "SELECT id FROM sale")])
        with pytest.raises(UsageError, match=r"another run: .*demonstrations.jsonl has changed"):
            execute_stage(STAGE, place.config(data=data), (), tmp_path / "run")


SPREAD = Path(__file__).parent / "spread_on_cpu.py"
WAYS = {
    "copied": ("--multi_gpu", ["-m", "sqlkiln"]),
    "sharded": (
        "--use_fsdp --fsdp_version 2 --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP"
        " --fsdp_reshard_after_forward true --fsdp_state_dict_type FULL_STATE_DICT",
        [str(SPREAD)],
    ),
}
"""How `accelerate launch` is told to spread a model over processes, and what it launches."""


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_take_different_rows_and_do_together_what_one_does(place, tmp_path, way):
    same = ("epochs=2", "dropout=0", "heldout_times=1")
    options, program = WAYS[way]
    launch = f"accelerate.commands.launch {options} --num_machines 1 --num_processes 2"
    ours = " --mixed_precision no --dynamo_backend no --main_process_port 0"
    command = [sys.executable, "-m", *(launch + ours).split(), *program]
    done = subprocess.run(
        [*command, *place.command(tmp_path / "two", *same)[2:]], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == done.stdout.count("done in") == 1
    assert (done.stderr.count("sharded 5 modules") == 2) == (way == "sharded")
    (two,) = (tmp_path / "two").glob("tiny/sft-*")
    one = place.train(tmp_path / "one", *same, "accumulate=2")

    counts = [json.loads((run / "manifest.json").read_text())["counts"] for run in (one, two)]
    assert [count.pop("processes") for count in counts] == [1, 2]
    assert [count.pop("heldout")["heldout_asked"] for count in counts] == [1, 1]
    assert counts[0] == pytest.approx(counts[1], abs=1e-4)
    assert_same(one, two, 1e-5)
    assert sorted(path.name for path in one.iterdir()) == sorted(
        path.name for path in two.iterdir()
    )


class TestWhatGoesWrong:
    @pytest.fixture
    def data(self, tmp_path):
        return write_prepared(tmp_path / "data")

    @pytest.fixture
    def fails(self, place, data, tmp_path):
        """Trains on `data`, and expects an error of this kind that says this."""

        def train(kind, match, **changes):
            config = place.config(**{"data": data} | changes)
            with pytest.raises(kind, match=match):
                execute_stage(STAGE, config, (), tmp_path / "run")

        return train

    def test_no_data(self, fails, tmp_path):
        fails(DataError, r"no training data in .*make it with", data=tmp_path / "nothing")
        fails(UsageError, r"no training data: give --data", data=None)

    def test_a_line_that_is_no_record(self, fails, data):
        with (data / "demonstrations.jsonl").open("a") as file:
            file.write("{\n")
        fails(DataError, r"demonstrations.jsonl:9: not JSON")

    def test_a_schema_that_is_missing(self, fails, data):
        (data / "schemas.jsonl").write_text("")
        fails(DataError, r"no schema of shop: .*prepare the data again")

    def test_a_list_of_databases_that_is_none(self, fails, data):
        (data / "databases.json").write_text("[]")
        fails(DataError, r"databases.json: not a list of databases")

    def test_nothing_that_can_be_written(self, fails, data):
        write_records(data / "demonstrations.jsonl", [demonstration("empty", " ")])
        fails(DataError, r"nothing to train on")

    def test_an_answer_that_cannot_be_written_is_left_out(self, place, data, tmp_path):
        rows = [demonstration("empty", " "), demonstration("ids", "SELECT id FROM sale")]
        write_records(data / "demonstrations.jsonl", rows)
        out = tmp_path / "run"
        assert execute_stage(STAGE, place.config(data=data), (), out).counts["examples"] == 1
        assert "left out empty: there is no SQL to write" in (out / "log.txt").read_text()

    def test_a_base_that_is_not_there(self, fails, tmp_path, monkeypatch):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        fails(
            ModelNotFound, r"cannot load the base nobody/nothing: .*give a", model="nobody/nothing"
        )
        (tmp_path / "empty").mkdir()
        fails(
            ModelCorrupt, r"cannot load the base .*empty: .*give a", model=str(tmp_path / "empty")
        )

    def test_weights_that_are_cut_short(self, fails, tmp_path):
        base = write_twin("llama", tmp_path / "short")
        whole = (base / "model.safetensors").read_bytes()
        (base / "model.safetensors").write_bytes(whole[: len(whole) // 2])
        fails(ModelCorrupt, r"cannot load the base .*short: .*give a", model=str(base))

    def test_layers_that_the_base_has_not(self, fails):
        fails(UsageError, r"no such modules in .*: dense; its linear", modules=("dense",))
        fails(UsageError, r"nothing left to train: .*has 2 layers", frozen_layers=2)

    def test_an_adapter_that_is_none(self, fails, data):
        fails(
            DataError,
            r"cannot go on from .*data: .*give an adapter of",
            adapter=data,
            modules=ALL_LINEAR,
        )

    def test_qlora_without_cuda(self, fails, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        fails(UsageError, r"QLoRA needs a CUDA device", method="qlora")

    def test_more_than_memory_holds(self, fails):
        fails(BackendError, r"not enough memory to train: .*lower tokens", tokens=10**12)

    def test_a_full_disk_and_then_room_again(self, place, data, tmp_path):
        config = place.config(data=data, method="full", epochs=1, checkpoint_minutes=1e-6)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with pytest.raises(StorageFull, match=r"the disk is full: .*goes on from its last"):
                execute_stage(STAGE, config, (), tmp_path / "run")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert execute_stage(STAGE, config, (), tmp_path / "run").counts["steps"] >= 1
