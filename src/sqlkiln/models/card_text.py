"""The card of an adapter as a page of Markdown."""

from sqlkiln.models.adapters import Card


def _use(card: Card) -> str:
    if card.about and card.second_to:
        return f"in place of `{card.second_to}` where a question is about {card.about}"
    return f"second opinion beside `{card.second_to}`" if card.second_to else ""


def card_text(card: Card) -> str:
    """What people should know before they use the adapter."""
    facts = {
        "Base": f"`{card.model}`"
        + (f" (sha256 `{card.model_sha256}`)" if card.model_sha256 else ""),
        "Prompt": f"target `{card.target}`, schema style `{card.schema_style}`",
        "Use": _use(card),
        "Method": card.method + (f", rank {card.rank}, alpha {card.alpha:g}" if card.rank else ""),
        "Recipe": f"`{card.recipe}`, seed {card.seed}" if card.recipe else "",
        "Training data": card.data,
        "Licence of the data": card.data_licence,
        "Examples": f"{card.examples:,}" if card.examples else "",
        "Made": card.created,
    }
    lines = [f"# {card.name}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items() if value]
    if card.scores:
        lines += ["", "| Measured | Score |", "|---|---|"]
        lines += [f"| {what} | {score:g} |" for what, score in card.scores.items()]
    return "\n".join([*lines, ""])
