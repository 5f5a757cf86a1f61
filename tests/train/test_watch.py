"""What a run tells while it goes on, with a clock that the test moves."""

from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from sqlkiln.core.errors import MissingDependency
from sqlkiln.core.store import execute_stage
from sqlkiln.train import watch
from sqlkiln.train.config import SftConfig
from sqlkiln.train.heldout import Measured
from sqlkiln.train.sft import STAGE
from sqlkiln.train.trackers import reporting_into
from sqlkiln.train.watch import Bar, Watcher, read_log


class Clock:
    """Seconds that pass when told to; it also stands in for held-out questions."""

    now = 100.0

    def __len__(self):
        return 4

    def measure(self, model):
        self.now += 50
        return Measured(asked=4, right=3, loss=0.25)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(watch, "monotonic", lambda: clock.now)
    monkeypatch.setattr(watch, "broadcast_object_list", lambda told: None)
    return clock


@pytest.fixture
def state():
    return SimpleNamespace(
        global_step=0, max_steps=4, num_input_tokens_seen=1000, is_world_process_zero=True
    )


def step(watcher, state, control):
    state.global_step += 1
    control.should_log = True
    watcher.on_step_end(None, state, control, model=None)
    if control.should_log:
        watcher.on_log(None, state, control, logs={"loss": 2.0, "learning_rate": 0.1})


def test_speed_counts_the_tokens_and_seconds_of_training_alone(clock, state, tmp_path):
    control = SimpleNamespace(should_save=False)
    watcher = Watcher(tmp_path, 60, clock, times=2)
    watcher.on_train_begin(None, state, control)  # after 1000 tokens, of an earlier process
    for _ in range(4):
        clock.now += 5
        state.num_input_tokens_seen += 200
        step(watcher, state, control)
    logged = [entry for entry in read_log(tmp_path / "loss.jsonl") if "loss" in entry]
    assert [entry["tokens_per_s"] for entry in logged] == [40.0] * 4
    assert [entry["seconds"] for entry in logged] == [5, 60, 65, 120]
    assert logged[-1]["tokens"] == 1800


def test_what_is_measured_is_told_and_the_loss_is_still_logged(clock, state, tmp_path):
    control = SimpleNamespace(should_save=False)
    watcher = Watcher(tmp_path, 60, clock, times=1)
    told = []

    def tell(logs):
        told.append(logs)
        control.should_log = False  # as transformers does

    watcher.tell = tell
    watcher.on_train_begin(None, state, control)
    bar = Bar(watcher)
    bar.training_bar = SimpleNamespace(set_postfix=lambda given: shown.append(dict(given)))
    shown = []
    for _ in range(4):
        clock.now += 1
        state.num_input_tokens_seen += 10
        step(watcher, state, control)
        bar.on_log(None, state, control, logs={})
    assert told == [{"eval_loss": 0.25, "eval_accuracy": 0.75}]
    assert [entry["step"] for entry in read_log(tmp_path / "loss.jsonl")] == [1, 2, 3, 4, 4]
    assert shown[0] == {"loss": "2.000", "tokens/s": "10"}
    assert shown[-1] == {"loss": "2.000", "tokens/s": "10", "EX": "3/4"}


def test_tensorboard_writes_into_the_run_if_nothing_else_is_said(tmp_path, monkeypatch):
    from os import environ

    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    with reporting_into(tmp_path):
        assert environ["TENSORBOARD_LOGGING_DIR"] == str(tmp_path / "tensorboard")
    assert "TENSORBOARD_LOGGING_DIR" not in environ
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "mine")
    with reporting_into(tmp_path):
        assert environ["TENSORBOARD_LOGGING_DIR"] == "mine"
    assert environ["TENSORBOARD_LOGGING_DIR"] == "mine"


def test_a_tracker_that_is_missing_is_told_before_the_base_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("sqlkiln.train.trackers.find_spec", lambda name: None)
    config = SftConfig(model="no base", data=tmp_path, report_to=("tensorboard",))
    message = r"cannot report to tensorboard: no module .*; install it \(pip install tensorboard\)"
    with pytest.raises(MissingDependency, match=message):
        execute_stage(STAGE, config, (), tmp_path / "run")
