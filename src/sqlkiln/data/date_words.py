"""How tables and dates are spoken of: `order_items` are order items, `hire_date` is when hired."""

from __future__ import annotations

from sqlkiln.sql.values_words import name_parts

MONTHS = (
    "January February March April May June July August September October November December"
).split()

_EVENTS = {
    "birth": "born",
    "hire": "hired",
    "hired": "hired",
    "order": "ordered",
    "placed": "placed",
    "payment": "paid",
    "pay": "paid",
    "paid": "paid",
    "issue": "issued",
    "issued": "issued",
    "ship": "shipped",
    "shipped": "shipped",
    "shipment": "shipped",
    "delivery": "delivered",
    "delivered": "delivered",
    "start": "that started",
    "end": "that ended",
    "joined": "that joined",
    "opened": "opened",
    "closed": "closed",
    "create": "created",
    "created": "created",
    "return": "returned",
    "returned": "returned",
    "completed": "completed",
    "completion": "completed",
    "registration": "registered",
    "reported": "reported",
    "raised": "raised",
    "invoice": "invoiced",
    "enrolment": "enrolled",
    "mailing": "mailed",
    "rental": "rented",
    "publication": "published",
    "settled": "settled",
    "assigned": "assigned",
    "sent": "sent",
    "stored": "stored",
    "acquired": "acquired",
    "formed": "formed",
    "made": "made",
    "taken": "taken",
    "loaned": "loaned",
    "update": "last updated",
}


def phrase(name: str) -> str:
    """The words of a column's name."""
    return " ".join(name_parts(name)) or name


def things(table: str) -> str:
    """The rows of a table, in the plural."""
    *before, last = name_parts(table) or (table,)
    return " ".join([*before, _plural(last)])


def article(name: str) -> str:
    """`name` behind its article: an order date, a hire date."""
    return f"{'an' if name[:1] in tuple('aeiou') else 'a'} {name}"


def event(date: str) -> str:
    """What has happened to a row at its date, `hired` for `hire_date`; '' if nobody knows."""
    found = [_EVENTS[word] for word in name_parts(date) if word in _EVENTS]
    return found[-1] if found else ""


def _plural(word: str) -> str:
    if word.endswith("s") and not word.endswith("ss"):
        return word
    if word in ("people", "staff", "children", "men", "women", "history", "information", "data"):
        return word
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("ss", "x", "ch", "sh")) else "s")
