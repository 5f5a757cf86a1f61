"""Twins of large models: the same architecture at random, with two layers of 64 and 512 tokens."""

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from sqlkiln.data.samples import Samples

END = "<|endoftext|>"
CHAT = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}" + END + "{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 8192,
    "vocab_size": 512,
    "initializer_range": 0.1,
}


def write_twin(kind, folder, template=CHAT, seed=7):
    """Save a random model of this `model_type` (such as phi) and a tokenizer; gives `folder`."""
    config = transformers.AutoConfig.for_model(
        kind, **SHAPE, bos_token_id=0, eos_token_id=0, pad_token_id=0
    )
    torch.manual_seed(seed)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer = trained_tokenizer()
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


def trained_tokenizer():
    """A byte-level BPE of the questions and statements of the samples."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SHAPE["vocab_size"],
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    examples = Samples(None, "train").examples()
    core.train_from_iterator((f"{e.question} {e.gold_sql}" for e in examples), trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, eos_token=END)
