"""What linking knows of English: words that name nothing, and what questions call columns.

`ASKED_AS` says for a word of a question which words in names it often asks for: a 'when' asks for
a date. It is general English, none of it is of a dataset; it is keyed and filled by stems.
"""

from __future__ import annotations

from sqlkiln.sql.values_words import stem

FUNCTION_WORDS = frozenset(
    """a about all also an and any are as at be been both but by can could did do does each either
    every for from get give had has have her him his how i in into is it its list many me most much
    my no not of on or our out please show so some such tell than that the their them then there
    these they this those to was we were what when where which who whom whose why will with would
    you your find return display among only exactly least more less per up down one ones""".split()
)
"""Words that match no part of a name, though many are asked for something (see `ASKED_AS`)."""

_ASKED_AS = """
when: date time year month day start begin
where: location address city country place state region street
who: name person
old: age birth birthday date year
young: age birth birthday date year
age: birth birthday
elderly: age
born: birth birthday hometown nationality
tall: height
high: height elevation
heavy: weight
long: length duration distance time
short: length height duration
large: area size population capacity number
big: area size population capacity
small: area size population capacity
fast: speed time
slow: speed time
far: distance
cheap: price cost fee
expensive: price cost fee
cost: price amount fee charge
price: cost amount
pay: amount salary payment price
earn: salary earning income wage
rich: salary money income
money: amount budget salary earning price
worth: value price
live: address city location residence home population
people: population person name
inhabitant: population
populous: population
language: speak official
speak: language
gender: sex
sex: gender
male: sex gender
female: sex gender
man: sex gender
woman: sex gender
recent: date year time
late: date year time
early: date year time
last: surname family date year lname
first: forename given date year fname
surname: last family lname
popular: popularity rating number
call: name title
title: name
name: title
email: mail
phone: telephone mobile contact cell
telephone: phone
teacher: instructor faculty professor
instructor: teacher professor faculty
professor: instructor faculty
student: pupil stu
employee: staff emp worker
worker: employee staff
staff: employee
client: customer
customer: client
buy: purchase order
purchase: order buy
order: purchase
doctor: physician
physician: doctor
movie: film
film: movie
car: vehicle
vehicle: car
job: position title occupation profession
occupation: job profession
company: firm organization manufacturer
maker: manufacturer make
manufacturer: maker
nation: country nationality
country: nation nationality
nationality: country
score: point rating grade mark result
rate: rating score star
rating: score rate star
grade: mark score
win: winner winning result
defeat: loser result
happen: date place location event
begin: start date
end: finish date
open: opening date year
close: closing date
found: founded foundation establish
size: area length capacity
detail: description
describe: description
description: detail
hire: date start
manage: manager head boss
head: manager leader chief
boss: manager
author: writer
write: author writer
percentage: percent rate
amount: total quantity sum
quantity: amount number qty
count: number
number: num no count code
abbreviation: code short
state: province county
town: city hometown
zip: postal postcode
class: course
course: class
section: class
major: department program
stay: duration
kind: type category
type: kind category code
category: type
"""


def _read(text: str) -> dict[str, frozenset[str]]:
    lines = (line.split(":") for line in text.strip().splitlines())
    return {stem(word): frozenset(map(stem, names.split())) for word, names in lines}


ASKED_AS = _read(_ASKED_AS)

TIMES = frozenset(map(stem, "date year month day time datetime timestamp when".split()))
"""Parts of names of columns that hold times, whatever their type."""

LABELS = frozenset(map(stem, "name title label fullname lastname firstname fname lname".split()))
"""Parts of names of columns that say what a row is: what is shown when a question names none."""

IDS = frozenset(map(stem, "id code key no num number nr".split()))
"""What names of columns end with that tell rows apart."""


GLUED = frozenset(("id", "name", "code", "no", "num", "date", "type", "key", "year", "time"))
"""Words that are often written without anything between them and the word before."""


def plain_forms(word: str) -> tuple[str, ...]:
    """Stems of what `word` may be the comparative, superlative or adverb of: 'oldest', 'old'."""
    found = [stem(word)]
    for ending in ("est", "er", "ly"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3:
            doubled = len(rest) > 3 and rest[-1] == rest[-2] and ending != "ly"
            found.append(stem(rest[:-1] if doubled else rest))
            found.append(stem(rest + "e"))
            if rest.endswith("i"):
                found.append(stem(rest[:-1] + "y"))
    return tuple(dict.fromkeys(found))
