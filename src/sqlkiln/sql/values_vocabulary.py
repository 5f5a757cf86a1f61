"""What a search for cell values knows of English: words that mean no value, and names for the same.

`UNSPECIFIC` words hit nothing on their own. `SAME` are sets of names for one thing, such as a
country, its people and its short form; `CODES` are abbreviations that count only where the column
holds other codes of the same set too, since 'M' alone may be anything.
"""

from __future__ import annotations

UNSPECIFIC = frozenset(
    """a about above across after again against ago all along already also although always am among
    amount an and another any anything are aren as ascending ask asked at average avg away back be
    because been before begin being below belong belonging between both but by called can contain
    containing contains could count counts current currently descending did different display
    distinct do does doesn doing done down during each earliest either else equal equals ever every
    exact exactly except exceed few fewer fewest find first for found from full get give given gives
    greater greatest group had half has have haven having he her hers here highest him his hold how
    i id ids if in include included including indicate into is isn it its itself just kind kinds
    largest last latest least less let like list listed lists located long longest lot lots lowest
    made make many max maximum may me mean mentioned min minimum more most much must my name named
    names need neither never next no non none nor not nothing now number numbers of off on once one
    ones only or order ordered other others our out over own part per percent please possible
    present print provide rank ranked rather record recorded records respective respectively result
    results return same second see select separately share she should show showing shown shows since
    smallest so some something sort sorted start started starting starts still such sum take taken
    tell ten than that the their theirs them then there these they thing things third this those
    three through thus time times to together too top total two type types under unique unless until
    up upon us use used uses using value values very via want was way we well were what when where
    whether which while who whole whom whose why will with within without word words would yes yet
    you your""".split()
)

_NAMES = """
argentina, argentine, argentinian; austria, austrian; belgium, belgian; britain, great britain,
united kingdom, uk, british; chile, chilean; china, chinese; croatia, croat, croatian;
cyprus, cypriot; czechia, czech republic, czech; denmark, danish, dane; egypt, egyptian;
england, english; finland, finnish, finn; france, french; germany, german; greece, greek;
hungary, hungarian; iceland, icelandic; iraq, iraqi; ireland, irish; israel, israeli;
italy, italian; kazakhstan, kazakh; malta, maltese; mexico, mexican; morocco, moroccan;
netherlands, holland, dutch; norway, norwegian; pakistan, pakistani; peru, peruvian;
philippines, philippine, filipino; poland, polish, pole; portugal, portuguese;
russia, russian federation, russian;
scotland, scottish; slovenia, slovene, slovenian; slovakia, slovak; spain, spanish;
south korea, south korean, korea, korean; sweden, swedish, swede; switzerland, swiss; taiwan,
taiwanese; thailand, thai; turkey, turkish; ukraine, ukrainian; united arab emirates, uae, emirati;
united states, united states of america, usa, us, america, american; vietnam, vietnamese;
wales, welsh; male, man, men; female, woman, women;
january, jan; february, feb; march, mar; april, apr; june, jun; july, jul; august, aug;
september, sep, sept; october, oct; november, nov; december, dec; monday, mon; tuesday, tue;
wednesday, wed; thursday, thu; friday, fri; saturday, sat; sunday, sun
"""

_SEXES = "male, males, man, men, m; female, females, woman, women, f"

_STATES = """
alabama, al; alaska, ak; arizona, az; arkansas, ar; california, ca; colorado, co; connecticut, ct;
delaware, de; florida, fl; georgia, ga; hawaii, hi; idaho, id; illinois, il; indiana, in; iowa, ia;
kansas, ks; kentucky, ky; louisiana, la; maine, me; maryland, md; massachusetts, ma; michigan, mi;
minnesota, mn; mississippi, ms; missouri, mo; montana, mt; nebraska, ne; nevada, nv;
new hampshire, nh; new jersey, nj; new mexico, nm; new york, ny; north carolina, nc;
north dakota, nd; ohio, oh; oklahoma, ok; oregon, or; pennsylvania, pa; rhode island, ri;
south carolina, sc; south dakota, sd; tennessee, tn; texas, tx; utah, ut; vermont, vt; virginia, va;
washington, wa; west virginia, wv; wisconsin, wi; wyoming, wy
"""

_PEOPLE_ENDINGS = ("ian", "ese", "ish", "an", "n", "i")
_PLACE_ENDINGS = ("", "a", "ia", "y", "o")
_PEOPLE_LETTERS = 6


def _sets(text: str) -> list[list[str]]:
    """Names for the same thing, without their spaces."""
    return [[n.replace(" ", "").replace("\n", "") for n in s.split(",")] for s in text.split(";")]


def _others(sets: list[list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(n for n in names if n != name) for names in sets for name in names}


SAME = _others(_sets(_NAMES))
"""Other names of what a name (lower case, no spaces) stands for."""

CODES: tuple[tuple[dict[str, tuple[str, ...]], frozenset[str]], ...] = tuple(
    (
        {name: (names[-1],) for names in sets for name in names[:-1]},
        frozenset(names[-1] for names in sets),
    )
    for sets in (_sets(_SEXES), _sets(_STATES))
)
"""The code for each name, and all codes of the same kind."""


def other_names(key: str) -> tuple[str, ...]:
    """What else the thing named `key` (lower case, no spaces) may be called.

    From the lists above, and by the endings that make a people of a place: Brazilian, Brazil.
    """
    found = dict.fromkeys(SAME.get(key, ()))
    if len(key) >= _PEOPLE_LETTERS and key.isalpha():
        for ending in _PEOPLE_ENDINGS:
            if key.endswith(ending) and len(key) - len(ending) >= _PEOPLE_LETTERS - 2:
                place = key[: -len(ending)]
                found |= dict.fromkeys(place + end for end in _PLACE_ENDINGS)
        bare = key.rstrip("aiyo")
        found |= dict.fromkeys(b + e for b in (key, bare) for e in ("n", "an", "ian", "ese", "i"))
    found.pop(key, None)
    return tuple(found)
