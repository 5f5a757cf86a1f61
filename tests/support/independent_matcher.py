"""A matcher that is not ours: llguidance, byte by byte, over the grammars that we write."""

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

_END = 256


class _Bytes:
    """Every byte is a token."""

    eos_token_id = _END
    bos_token_id = None
    special_token_ids = (_END,)
    tokens = (*tuple(bytes([value]) for value in range(256)), b"<end>")

    def __call__(self, text):
        return list(text if isinstance(text, bytes) else text.encode())


_TOKENIZER = LLTokenizer(TokenizerWrapper(_Bytes()))


class Independent:
    """Whether texts are in the language of a grammar, written for llguidance by `Grammar.lark`."""

    def __init__(self, lark):
        self._matcher = LLMatcher(_TOKENIZER, LLMatcher.grammar_from_lark(lark))
        assert not self._matcher.get_error(), self._matcher.get_error()

    def accepts(self, text):
        self._matcher.reset()
        tokens = list(text.encode())
        return (
            self._matcher.try_consume_tokens(tokens) == len(tokens) and self._matcher.is_accepting()
        )
