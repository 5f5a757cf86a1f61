"""Packed rows against the same questions alone: layout by hand, loss and gradients by a model."""

import torch
import transformers

from sqlkiln.train.attention import NAME, attend_by_parts
from sqlkiln.train.encode import Encoded
from sqlkiln.train.packing import IGNORED, attention, batch, join, pack, parts, shared_prefix
from sqlkiln.train.sft import answer_loss

ONE = Encoded(prompt=(1, 2, 3, 4), answer=(5, 6))
OTHER = Encoded(prompt=(1, 2, 7), answer=(8,))


def test_prompts_share_what_they_begin_with_and_keep_a_token_of_their_own():
    assert shared_prefix([(1, 2, 3, 4), (1, 2, 7)]) == 2
    assert shared_prefix([(1, 2), (1, 2)]) == 1
    assert shared_prefix([(1, 2, 3)]) == 2
    assert shared_prefix([(1, 2), (3, 4)]) == 0


def test_a_row_holds_the_prefix_once_and_each_branch_goes_on_from_its_end():
    row = pack([ONE, OTHER])
    assert row.input_ids == (1, 2, 3, 4, 5, 6, 7, 8)
    assert row.positions == (0, 1, 2, 3, 4, 5, 2, 3)
    assert row.branches == (0, 0, 1, 1, 1, 1, 2, 2)
    assert row.labels == (*(IGNORED,) * 4, 5, 6, IGNORED, 8)
    assert row.examples == 2


def test_a_branch_sees_its_prefix_and_itself_alone():
    seen = attention(pack([ONE, OTHER])).int().tolist()
    assert seen == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 0, 1, 1],
    ]


def test_groups_in_one_row_do_not_see_one_another():
    row = join([pack([ONE, OTHER]), pack([OTHER])])
    seen = attention(row)
    assert row.examples == 3
    assert row.positions[8:] == (0, 1, 2, 3)
    assert not seen[8:, :8].any()
    assert seen[11].tolist() == [False] * 8 + [True] * 4


def test_the_learnt_tokens_are_predicted_from_the_place_before_them():
    made = batch(pack([ONE, OTHER]))
    assert made["labels"].tolist() == [5, 6, 8]
    assert made["logits_to_keep"].tolist() == [3, 4, 6]
    assert made["attention_mask"].shape == (1, 1, 8, 8)


def tiny(kind):
    torch.manual_seed(3)
    config = transformers.AutoConfig.for_model(
        kind,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        max_position_embeddings=256,
        pad_token_id=0,
        eos_token_id=1,
    )
    return transformers.AutoModelForCausalLM.from_config(config)


def random_questions(count):
    draw = torch.Generator().manual_seed(5)

    def tokens(length):
        return tuple(torch.randint(2, 64, (length,), generator=draw).tolist())

    schema = tokens(30)
    lengths = range(5, 5 + count)
    return [Encoded((*schema, *tokens(length)), tokens(length + 3)) for length in lengths]


def loss_and_gradients(model, rows):
    model.zero_grad()
    learnt = sum(len(row["labels"]) for row in rows)
    total = 0.0
    for row in rows:
        inputs = dict(row)
        labels = inputs.pop("labels")
        loss = answer_loss(model(**inputs, use_cache=False), labels, learnt)
        loss.backward()
        total += loss.item()
    return total, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def assert_packing_changes_nothing(kind, groups, by_parts=False):
    model = tiny(kind)
    packed = [batch(join([pack(group) for group in groups]))]
    alone = [batch(pack([one])) for group in groups for one in group]
    loss_alone, gradients_alone = loss_and_gradients(model, alone)
    if by_parts:
        attend_by_parts(model)
        assert model.config._attn_implementation == NAME
        del packed[0]["attention_mask"]
    loss, gradients = loss_and_gradients(model, packed)
    assert abs(loss - loss_alone) < 1e-4
    assert gradients.keys() == gradients_alone.keys()
    for name, gradient in gradients.items():
        assert (gradient - gradients_alone[name]).abs().max() < 1e-4, name
    assert max(g.abs().max().item() for g in gradients.values()) > 1e-3


def test_loss_and_gradients_are_those_of_unpacked_rows_for_qwen():
    assert_packing_changes_nothing("qwen2", [random_questions(6)])


def test_loss_and_gradients_are_those_of_unpacked_rows_for_llama_and_several_groups():
    questions = random_questions(7)
    assert_packing_changes_nothing("llama", [questions[:3], questions[3:]])


def test_the_parts_of_a_row_by_hand():
    row = join([pack([ONE, OTHER]), pack([OTHER]), pack([ONE, Encoded((9, 9), (8,))])])
    assert parts(row).tolist() == [[0, 2], [1, 4], [2, 2], [0, 2], [1, 2], [1, 6], [2, 3]]


def test_computed_by_parts_they_are_those_of_unpacked_rows_too():
    questions = random_questions(7)
    apart = [Encoded((9, 9, 4), (8, 7)), Encoded((5, 9), (3,))]  # share no prefix
    for kind in ("qwen2", "llama"):
        assert_packing_changes_nothing(
            kind, [questions[:3], apart, questions[3:6], questions[6:]], by_parts=True
        )


def test_what_names_no_parts_is_computed_as_before():
    model = tiny("qwen2")
    ids = torch.randint(2, 64, (1, 20), generator=torch.Generator().manual_seed(1))
    before = model(input_ids=ids).logits
    attend_by_parts(model)
    assert torch.equal(model(input_ids=ids).logits, before)
    written = model.generate(input_ids=ids, max_new_tokens=3, do_sample=False)
    assert written.shape == (1, 23)


def test_leaving_the_mask_out_would_be_noticed():
    model = tiny("qwen2")
    row = batch(pack(random_questions(4)))
    right, _ = loss_and_gradients(model, [row])
    everything = torch.ones_like(row["attention_mask"]).tril()
    wrong, _ = loss_and_gradients(model, [{**row, "attention_mask": everything}])
    assert abs(right - wrong) > 1e-4


def test_the_loss_by_hand():
    logits = torch.tensor([[[0.0, 0.0], [2.0, 0.0]]])
    labels = torch.tensor([0, 1])
    outputs = transformers.modeling_outputs.CausalLMOutput(logits=logits)
    by_hand = (0.693147 + 2.126928) / 2
    assert abs(answer_loss(outputs, labels).item() - by_hand) < 1e-5
    assert abs(answer_loss(outputs, labels, 4).item() - by_hand / 2) < 1e-5
