"""Answers prompts with a GGUF's weights behind transformers; called by benchmarks/ask.py.

python benchmarks/transformers_ask.py PROMPTS.json   # {"gguf": path, "prompts": [[[role, text]]]}
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

MAX_NEW_TOKENS = 400


def main() -> None:
    """Print one JSON object: seconds per prompt, texts, peak memory."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    job = json.loads(Path(sys.argv[1]).read_text())
    gguf = Path(job["gguf"])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = model.to(torch.bfloat16).eval()
    seconds, texts = [], []
    for turns in job["prompts"]:
        inputs = tokenizer(chatml(turns), return_tensors="pt", add_special_tokens=False)
        started = time.perf_counter()
        with torch.inference_mode():
            output: Any = model.generate(
                **inputs,
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=False,
                stop_strings=["```"],
                tokenizer=tokenizer,
            )
        seconds.append(round(time.perf_counter() - started, 3))
        texts.append(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": seconds, "texts": texts, "peak_mib": peak}))


def chatml(turns: list[list[str]]) -> str:
    """The ChatML text of (role, text) turns; the last one, the assistant's, is left open."""
    closed = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns[:-1])
    role, text = turns[-1]
    return f"{closed}<|im_start|>{role}\n{text}"


if __name__ == "__main__":
    main()
