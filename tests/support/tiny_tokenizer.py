"""A tokenizer of one token a character, with a chat template of the usual form."""

from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

END = "<|im_end|>"
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}" + END + "{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tiny_tokenizer():
    """Printable ASCII, the line feed, and the end of a turn."""
    characters = [chr(code) for code in range(32, 127)] + ["\n"]
    vocabulary = {c: i for i, c in enumerate([*characters, END, "?unknown?"])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="?unknown?"))
    core.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=END, pad_token=END)
    tokenizer.chat_template = TEMPLATE
    return tokenizer
