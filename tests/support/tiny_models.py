"""Random models small enough for tests, once for transformers and once as GGUF.

Their vocabulary is printable ASCII and the line feed, one token a character, and a last token that
ends the text.
"""

import gguf
import peft
import torch
import transformers
from gguf import GGUFWriter

from sqlkiln.core.plugins import BackendOptions, Message, Request
from sqlkiln.models.llamacpp import LlamaCpp
from sqlkiln.train.export_layout import Layout

PROMPTS = ("SELECT name FROM singer", "How many singers are there?\n", "x")
CHARACTERS = [chr(code) for code in range(32, 127)] + ["\n"]
END = len(CHARACTERS)
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "vocab_size": END + 1,
    "tie_word_embeddings": False,
}


def tiny_model(kind, **shape):
    """A random transformers model of this `model_type`, float32."""
    config = transformers.AutoConfig.for_model(kind, **SHAPE | shape)
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def write_gguf(model, path):
    """Write `model` as llama.cpp wants it, float32, with its vocabulary."""
    config = model.config
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    layout = Layout(config.model_type, config.num_hidden_layers, heads, kv_heads)
    writer = GGUFWriter(path, config.model_type)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(config.hidden_size // heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    _add_vocabulary(writer)
    for name, tensor in model.state_dict().items():
        module, _, part = name.rpartition(".")
        stored = layout.tensor(module).removesuffix("weight") + part
        writer.add_tensor(stored, layout.ordered(stored, tensor.numpy()).copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer):
    in_bpe = {" ": "\u0120", "\n": "\u010a"}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*(in_bpe.get(c, c) for c in CHARACTERS), "<|end|>"])
    writer.add_token_types([gguf.TokenType.NORMAL] * END + [gguf.TokenType.CONTROL])
    writer.add_token_merges(["\u0100 \u0101"])  # of bytes that no text here has
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def next_logprobs(model, prompt):
    """The natural-log probability of each character to come after `prompt`; '' is the end."""
    ids = torch.tensor([[CHARACTERS.index(c) for c in prompt]])
    with torch.inference_mode():
        logprobs = model(input_ids=ids).logits[0, -1].log_softmax(-1).tolist()
    return dict(zip([*CHARACTERS, ""], logprobs, strict=True))


def adapted(kind, folder, **settings):
    """A tiny model of this kind whose random adapter changes a lot; saved in `folder`."""
    config = peft.LoraConfig(
        **{"r": 8, "lora_alpha": 16, "target_modules": "all-linear", **settings}
    )
    torch.manual_seed(3)
    wrapped = peft.get_peft_model(tiny_model(kind), config)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
            elif "magnitude" in name:
                parameter.mul_(1 + 0.2 * torch.rand_like(parameter))
    wrapped.eval().save_pretrained(folder)
    return wrapped


def in_transformers(model):
    return [next_logprobs(model, prompt) for prompt in PROMPTS]


def in_llama_cpp(base, *adapters):
    """The most likely characters after each of the prompts, and their log probabilities."""
    weighted = tuple((str(path), 1.0) for path in adapters)
    backend = LlamaCpp.open(base, BackendOptions(context_tokens=256, adapters=weighted))
    requests = [
        Request((Message("user", prompt),), max_tokens=1, logprobs=20) for prompt in PROMPTS
    ]
    first = [backend.generate(request).logprobs[0] for request in requests]
    backend.close()
    return [dict(token.alternatives) for token in first]


def distance(found, expected):
    """The largest difference between two log probabilities of the same character."""
    pairs = list(zip(found, expected, strict=True))
    return max(abs(one[c] - other[c]) for one, other in pairs for c in one)
