"""Stage `sft`: supervised fine-tuning of a base on demonstrations.

Reads a run of `prepare`. Writes

    adapter/        what was trained: a PEFT adapter, or all weights where method is `full`
    loss.jsonl      one line a step logged: loss, rate, tokens so far and a second, seconds, seconds
                    left; and the held-out loss and execution accuracy where they were measured
    tensorboard/    the same for TensorBoard, where `report_to` names that
    checkpoints/    the last two, to go on from; removed at the end

    sqlkiln train --data PREPARED --model qwen2.5-coder-0.5b --out RUN

Only answers are learnt, never prompts. Prompts are those that inference sends. A killed run goes on
from its last checkpoint when the same command is given again, with the rows it had not seen. Of
several processes, started by `accelerate launch`, each takes rows of its own, and the first writes.
The loop is that of `transformers.Trainer`; ours are the rows (`rows`, `packing`) and what is
measured on the way (`watch`). It does not export: see `train.export`.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.nn.functional import cross_entropy

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import Stage
from sqlkiln.core.processes import process_count
from sqlkiln.core.records import DatabaseSchema, Demonstration
from sqlkiln.core.store import read_jsonl
from sqlkiln.prompt.targets import write_target
from sqlkiln.train.chat import template_of
from sqlkiln.train.config import SftConfig
from sqlkiln.train.encode import Encoder
from sqlkiln.train.export_layout import BELOW
from sqlkiln.train.faults import clear_errors
from sqlkiln.train.heldout import Heldout, choose
from sqlkiln.train.inputs import digests
from sqlkiln.train.memory import require_memory
from sqlkiln.train.methods import adapter_folder, load_trainable, trained_count
from sqlkiln.train.rows import Layout, Rows
from sqlkiln.train.trackers import reporting_into, require_trackers
from sqlkiln.train.watch import LOSSES, Bar, Watcher, mean_loss, read_log
from sqlkiln.train.weights import local_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer

CHECKPOINTS = "checkpoints"

_log = logging.getLogger(__name__)


def answer_loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """Cross-entropy of the learnt tokens in nats: the mean over `num_items_in_batch` of them.

    `outputs.logits` has shape (1, N, V), `labels` (N,). Without `num_items_in_batch`, it is the
    mean over these N; with it, the losses of the rows of one step add up to the step's mean.
    """
    logits = outputs.logits[0].float()
    total = cross_entropy(logits, labels, reduction="sum")
    return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)


def read_demonstrations(folder: Path, name: str) -> list[Demonstration]:
    """The demonstrations in one file of a run of `prepare`.

    Raises:
        DataError: if `folder` is no such run.
    """
    path = folder / name
    if not path.exists():
        raise DataError(
            f"no training data in {folder}: there is no {name}; make it with `sqlkiln data prepare`"
        )
    return list(read_jsonl(path, Demonstration))


def build_rows(config: SftConfig, folder: Path, encoder: Encoder) -> Rows:
    """The rows of a whole run, laid out."""
    demonstrations = read_demonstrations(folder, "demonstrations.jsonl")[: config.limit]
    schemas = _read_schemas(folder)
    layout = Layout(
        questions=config.questions if config.packed else 1,
        tokens=config.tokens if config.packed else 0,
        noise=config.noise,
        hinted=config.hinted,
        easy_first=config.order == "easy_first",
    )
    rows = Rows(_writable(demonstrations, schemas, config.target), schemas, encoder, layout)
    rows.lay_out(config.epochs, config.seed)
    return rows


def _read_schemas(folder: Path) -> dict[str, DatabaseSchema]:
    return {s.db_id: s for s in read_jsonl(folder / "schemas.jsonl", DatabaseSchema)}


def _writable(
    demonstrations: Sequence[Demonstration], schemas: Mapping[str, DatabaseSchema], target: str
) -> list[Demonstration]:
    """Those whose gold can be written as `target`, so that none stops the run in its midst."""
    kept = []
    for one in demonstrations:
        try:
            if one.db_id in schemas:
                write_target(target, one.gold_sql, schemas[one.db_id], one.question)
            kept.append(one)
        except DataError as error:
            _log.info("left out %s: %s", one.id, error)
    if len(kept) < len(demonstrations):
        left_out = len(demonstrations) - len(kept)
        _log.warning("left out %d questions: no %r can be written for them", left_out, target)
    return kept


def _heldout(config: SftConfig, folder: Path, encoder: Encoder) -> Heldout:
    path = folder / "heldout.jsonl"
    demonstrations = read_demonstrations(folder, path.name) if path.exists() else []
    schemas = _read_schemas(folder)
    there = {key: path for key, path in _databases(folder).items() if path.exists()}
    reachable = [one for one in demonstrations if one.db_id in there]
    asked = _writable(reachable, schemas, config.target)
    return Heldout(choose(asked, config.heldout_questions, config.seed), schemas, there, encoder)


def _databases(folder: Path) -> dict[str, Path]:
    listed = folder / "databases.json"
    if not listed.exists():
        return {}
    try:
        paths = json.loads(listed.read_text(encoding="utf-8"))
        return {key: Path(path) for key, path in paths.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"{listed}: not a list of databases: {error}; prepare the data again"
        ) from error


def _arguments(config: SftConfig, out: Path, steps: int) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(out / CHECKPOINTS),
        per_device_train_batch_size=1,
        gradient_accumulation_steps=config.accumulate,
        num_train_epochs=1,
        learning_rate=config.rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": config.floor},
        warmup_steps=round(config.warmup * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.clip,
        bf16=config.dtype == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        train_sampling_strategy="sequential",
        dataloader_num_workers=0,
        remove_unused_columns=False,
        label_names=["labels"],
        logging_steps=1 if steps < 100 else 5,
        logging_first_step=True,
        include_num_input_tokens_seen="all",
        save_strategy="steps",
        save_steps=max(1, steps),
        save_total_limit=2,
        eval_strategy="no",
        report_to=list(config.report_to) or "none",
        disable_tqdm=not sys.stderr.isatty(),
        seed=config.seed,
        data_seed=config.seed,
    )


def _trainer(config: SftConfig, folder: Path, out: Path) -> tuple[Trainer, Rows]:
    from accelerate import PartialState
    from transformers import PrinterCallback, ProgressCallback, Trainer, set_seed

    require_trackers(config.report_to)
    set_seed(config.seed)
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(hours=1))
    with state.main_process_first():
        local_weights(config.model)  # fetched and dequantised by one process alone
    require_memory(config)
    model, tokenizer = load_trainable(config)
    encoder = Encoder(tokenizer, config.target, config.schema_style)
    rows = build_rows(config, folder, encoder)
    steps = _steps(config, rows)
    watcher = Watcher(
        out, config.checkpoint_minutes, _heldout(config, folder, encoder), config.heldout_times
    )
    with reporting_into(out):
        trainer = Trainer(
            model=model,
            args=_arguments(config, out, steps),
            train_dataset=rows,
            data_collator=lambda items: items[0],
            compute_loss_func=answer_loss,
            callbacks=[watcher],
        )
    watcher.tell = trainer.log
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, as the usual bar does
    if trainer.pop_callback(ProgressCallback):
        trainer.add_callback(Bar(watcher))
    return trainer, rows


def _steps(config: SftConfig, rows: Rows) -> int:
    return math.ceil(len(rows) / (config.accumulate * process_count()))


def last_checkpoint(folder: Path, steps: int) -> str | None:
    """The newest checkpoint that was written whole: its state file is its last.

    Raises:
        UsageError: if it is one of a run of other than `steps` steps.
    """
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    newest = max(whole, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)
    if newest is None:
        return None
    before = json.loads((newest / "trainer_state.json").read_text(encoding="utf-8"))["max_steps"]
    if before != steps:
        raise UsageError(
            f"cannot go on from {newest}: it is one of {before} steps, and {process_count()} "
            f"processes take {steps}; launch as many processes as before, or remove {folder}"
        )
    return str(newest)


def _data_folder(config: SftConfig, inputs: tuple[Path, ...]) -> Path:
    if inputs:
        return inputs[0]
    if config.data is None:
        raise UsageError("no training data: give --data, the folder of a run of `prepare`")
    return config.data


def run(config: SftConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Train into `out`, or go on from its last checkpoint; returns counts for the manifest.

    Raises:
        DataError: if the data cannot be trained on.
        BackendError: if memory is short.
        StorageFull: if a checkpoint cannot be written; the one before is kept.
    """
    folder = _data_folder(config, inputs)
    checkpoints = out / CHECKPOINTS
    with clear_errors(out):
        trainer, rows = _trainer(config, folder, out)
        trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints, _steps(config, rows)))
        trainer.save_model(str(adapter_folder(out)))
        if trainer.is_world_process_zero():
            tokenizer = rows.encoder.tokenizer
            tokenizer.chat_template = template_of(tokenizer)
            tokenizer.save_pretrained(adapter_folder(out))
            shape = cast("PreTrainedModel", trainer.model).config
            shape.save_pretrained(str(adapter_folder(out) / BELOW))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        rmtree(checkpoints, ignore_errors=True)
    entries = read_log(out / LOSSES)
    return {
        "examples": rows.examples,
        "rows": len(rows),
        "steps": trainer.state.global_step,
        "loss": mean_loss(entries),
        "trained_parameters": trained_count(cast("torch.nn.Module", trainer.model)),
        "input_tokens": trainer.state.num_input_tokens_seen,
        "processes": process_count(),
        "heldout": next((line for line in reversed(entries) if "heldout_asked" in line), None),
    }


STAGE = Stage("sft", SftConfig, run, uses=("prepare",), fingerprint=digests, distributed=True)
