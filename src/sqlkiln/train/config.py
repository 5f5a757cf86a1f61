"""The settings of supervised fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from sqlkiln.prompt.serialize import DEFAULT_STYLE, STYLES
from sqlkiln.prompt.targets import DEFAULT_TARGET, TARGETS
from sqlkiln.prompt.views import Noise

Method = Literal["lora", "rslora", "dora", "qlora", "full"]
Module = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

ALL_LINEAR: tuple[str, ...] = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)


class SftConfig(BaseModel):
    """What to train, on what, and how.

    `model` is a catalogue model, a GGUF, a folder or a name on the Hub. `data` is a run of
    `prepare`; in a recipe that has a `[prepare]` it is not given. `adapter` is one to go on from:
    a folder that training wrote, a GGUF adapter, or the name of one (`sqlkiln adapters list`); its
    `rank`, `alpha`, `modules`, layers and method stay what they are. `target` is what is written
    (`prompt.targets`), `schema_style` how the prompt shows a schema (`prompt.serialize`).

    `method` is LoRA, a kind of it, or `full` for all weights. `rank`, `alpha` and `dropout` are
    those of LoRA; `modules` are names of linear layers. `frozen_layers` of the lowest layers are
    not trained.

    Rows: `epochs` passes over the questions, of which only the first `limit` count if that is
    given. At most `questions` of one database share its schema, and a row has about `tokens`;
    without `packed` every question has a row of its own. `order` is `mixed`, or `easy_first`: from
    the easiest bucket to the hardest in each pass. `noise` says how often which view of a
    schema is shown, `hinted` which share of the questions comes with value hints. One step is over
    `accumulate` rows of each process. `seed` draws rows, views and first weights.

    Steps: `rate` is reached after `warmup` of all steps, and falls to `floor` times itself; AdamW
    with `weight_decay`, gradients cut to a norm of `clip`. The base is held in `dtype`, and
    bfloat16 is what is computed in as well; what is trained is held in float32 (with `full`, all
    weights). `gradient_checkpointing` takes a third more time and a fraction of the memory.

    `checkpoint_minutes` lie between checkpoints, of which the last two are kept. While it runs,
    `heldout_questions` of databases held out of training are answered greedily, `heldout_times`
    over the run, and the loss on as many is told. `report_to` names trackers that are told too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    model: str = "qwen2.5-coder-0.5b"
    data: Path | None = None
    adapter: Path | None = None
    target: str = DEFAULT_TARGET
    schema_style: str = DEFAULT_STYLE

    method: Method = "lora"
    rank: int = Field(16, ge=1)
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    modules: tuple[str, ...] = ALL_LINEAR
    frozen_layers: int = Field(0, ge=0)

    epochs: float = Field(1.0, gt=0)
    questions: int = Field(16, ge=1)
    tokens: int = Field(1024, ge=128)
    accumulate: int = Field(2, ge=1)
    packed: bool = True
    order: Literal["mixed", "easy_first"] = "mixed"
    noise: Noise = Noise()
    hinted: float = Field(0.3, ge=0, le=1)
    limit: int | None = Field(None, ge=1)

    rate: float = Field(4e-4, gt=0)
    warmup: float = Field(0.05, ge=0, lt=1)
    floor: float = Field(0.05, ge=0, le=1)
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    gradient_checkpointing: bool = False
    seed: int = 0

    checkpoint_minutes: float = Field(5.0, gt=0, exclude=True)
    heldout_questions: int = Field(24, ge=0, exclude=True)
    heldout_times: int = Field(3, ge=0, exclude=True)
    report_to: tuple[Literal["tensorboard", "wandb"], ...] = Field((), exclude=True)

    @field_validator("target")
    @classmethod
    def _known_target(cls, name: str) -> str:
        if name not in TARGETS:
            raise ValueError(f"no such target; choose one of {', '.join(TARGETS)}")
        return name

    @field_validator("schema_style")
    @classmethod
    def _known_style(cls, name: str) -> str:
        if name not in STYLES:
            raise ValueError(f"no such schema style; choose one of {', '.join(STYLES)}")
        return name

    @field_validator("method", "rank", "alpha", "modules", "frozen_layers")
    @classmethod
    def _is_not_the_adapters_own(cls, value: Any, info: ValidationInfo) -> Any:
        """Of an adapter that is gone on from, these are what they were: they cannot be asked for.

        Compared with the default, since a manifest has every setting whether it was given or not.
        """
        name = str(info.field_name)
        default = cls.model_fields[name].default
        if info.data.get("adapter") is None or value in (default, "qlora"):
            return value
        if value == "full":
            raise ValueError("full training takes no adapter; give it as the base, merged")
        raise ValueError(
            f"an adapter that is gone on from has {name} of its own; leave {name} out, or train "
            "without an adapter"
        )
