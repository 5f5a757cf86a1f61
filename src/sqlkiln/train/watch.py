"""What is written down, saved and measured while a model is trained."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from accelerate.utils import broadcast_object_list
from transformers import ProgressCallback, TrainerCallback

from sqlkiln.core.files import write_atomic
from sqlkiln.train.heldout import Heldout

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

LOSSES = "loss.jsonl"

_log = logging.getLogger(__name__)


class Watcher(TrainerCallback):
    """Writes `loss.jsonl`, asks for checkpoints by the clock, and measures held-out databases.

    Lines of steps that a resumed run takes again are cut off first. Checkpoints are of steps that
    are logged, since a line holds the mean loss since the one before. Held-out questions are asked
    `times` over the run, evenly spread, the last time at its end. Of several processes all ask
    them, as a model that is spread over them needs, and the first writes.
    """

    def __init__(self, out: Path, minutes: float, heldout: Heldout, times: int) -> None:
        self._path = out / LOSSES
        self._pause_s = minutes * 60
        self._heldout = heldout
        self._times = times if len(heldout) else 0
        self._began = self._saved = monotonic()
        self._first_step = self._first_tokens = 0
        self._earlier_s = self._measuring_s = 0.0
        self.tell: Callable[[dict[str, float]], None] | None = None
        """Passes on to trackers what was measured."""
        self.latest: dict[str, str] = {}
        """What a bar shows: loss, tokens a second, and held-out accuracy once it is known."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Forget lines of steps that will be taken again."""
        self._began = self._saved = monotonic()
        self._first_step, self._first_tokens = state.global_step, _tokens(state)
        kept = [entry for entry in read_log(self._path) if entry["step"] <= state.global_step]
        self._earlier_s = max((e["seconds"] for e in kept if "loss" in e), default=0.0)
        if state.is_world_process_zero:
            write_atomic(self._path, "".join(map(_line, kept)))

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **seen: Any
    ) -> None:
        """Write down loss, rate, speed and the seconds that are left."""
        logs = seen.get("logs") or {}
        if "loss" not in logs or not state.is_world_process_zero:
            return
        done = state.global_step - self._first_step
        seconds = monotonic() - self._began
        left_s = seconds / max(1, done) * (state.max_steps - state.global_step)
        training_s = max(1e-6, seconds - self._measuring_s)
        tokens_per_s = (_tokens(state) - self._first_tokens) / training_s
        self.latest |= {"loss": f"{logs['loss']:.3f}", "tokens/s": f"{tokens_per_s:.0f}"}
        self._write(
            {
                "step": state.global_step,
                "steps": state.max_steps,
                "loss": round(logs["loss"], 5),
                "rate": logs["learning_rate"],
                "grad_norm": round(float(logs.get("grad_norm", 0.0)), 4),
                "tokens": _tokens(state),
                "tokens_per_s": round(tokens_per_s, 1),
                "seconds": round(self._earlier_s + seconds, 1),
                "left_s": round(left_s),
            }
        )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **seen: Any
    ) -> None:
        """Ask for a checkpoint if it is time, and measure; the last step is always logged."""
        if state.global_step >= state.max_steps:
            control.should_log = True
        if control.should_log and self._is_time():
            control.should_save = True
        if self._times and _is_due(state.global_step, state.max_steps, self._times):
            self._measure(state, control, seen["model"])

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The clock runs anew."""
        self._saved = monotonic()

    def _is_time(self) -> bool:
        """Whether a checkpoint is due, by the clock of the first process: all save together."""
        told = [monotonic() - self._saved >= self._pause_s]
        broadcast_object_list(told)
        return told[0]

    def _measure(self, state: TrainerState, control: TrainerControl, model: Any) -> None:
        began = monotonic()
        found = self._heldout.measure(model)
        self._measuring_s += monotonic() - began
        self.latest["EX"] = f"{found.right}/{found.asked}"
        if self.tell is not None:
            due = control.should_log  # which telling anything sets back
            self.tell({"eval_loss": found.loss, "eval_accuracy": found.right / found.asked})
            control.should_log = due
        if state.is_world_process_zero:
            self._write(
                {
                    "step": state.global_step,
                    "heldout_asked": found.asked,
                    "heldout_right": found.right,
                    "heldout_loss": round(found.loss, 5),
                    "seconds": round(monotonic() - began, 1),
                }
            )

    def _write(self, entry: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))
        _log.info(" ".join(f"{name} {value}" for name, value in entry.items()))


class Bar(ProgressCallback):
    """The usual progress bar with what the watcher saw last; all of it goes to stderr."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Show loss, speed and accuracy beside the bar."""
        if self.training_bar is not None:
            self.training_bar.set_postfix(self._watcher.latest)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a `loss.jsonl`, less a last one that was not written whole."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def mean_loss(entries: Sequence[dict[str, Any]]) -> float:
    """The mean over all steps; each entry with a loss stands for the steps since the one before."""
    total, before = 0.0, 0
    for entry in (entry for entry in entries if "loss" in entry):
        total += entry["loss"] * (entry["step"] - before)
        before = entry["step"]
    return round(total / max(1, before), 5)


def _tokens(state: TrainerState) -> int:
    return int(state.num_input_tokens_seen)


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry) + "\n"


def _is_due(step: int, steps: int, times: int) -> bool:
    """Whether `step` is one of `times` evenly spread over `steps`, the last being the end."""
    return any(step == round(steps * part / times) for part in range(1, times + 1))
