"""A city library with six branches: who wrote what, where the copies stand, who borrowed them."""

from datetime import date

from sqlkiln.assets.samples.draws import Draws, Row, Tables, later, text
from sqlkiln.assets.samples.people import COUNTRIES, People

DDL = """
CREATE TABLE author (
  author_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  nationality TEXT NOT NULL,
  birth_year INTEGER NOT NULL,
  death_year INTEGER
);
CREATE TABLE book (
  book_id INTEGER PRIMARY KEY,
  title TEXT NOT NULL UNIQUE,
  genre TEXT NOT NULL,
  language TEXT NOT NULL,
  published_year INTEGER NOT NULL,
  pages INTEGER NOT NULL
);
CREATE TABLE book_author (
  book_id INTEGER NOT NULL REFERENCES book(book_id),
  author_id INTEGER NOT NULL REFERENCES author(author_id),
  PRIMARY KEY (book_id, author_id)
);
CREATE TABLE branch (
  branch_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  district TEXT NOT NULL,
  opened_year INTEGER NOT NULL,
  seats INTEGER NOT NULL
);
CREATE TABLE copy (
  copy_id INTEGER PRIMARY KEY,
  book_id INTEGER NOT NULL REFERENCES book(book_id),
  branch_id INTEGER NOT NULL REFERENCES branch(branch_id),
  acquired_on DATE NOT NULL,
  condition TEXT NOT NULL,
  price REAL
);
CREATE TABLE member (
  member_id INTEGER PRIMARY KEY,
  full_name TEXT NOT NULL,
  birth_date DATE NOT NULL,
  membership TEXT NOT NULL,
  joined_on DATE NOT NULL,
  email TEXT,
  branch_id INTEGER NOT NULL REFERENCES branch(branch_id)
);
CREATE TABLE loan (
  loan_id INTEGER PRIMARY KEY,
  copy_id INTEGER NOT NULL REFERENCES copy(copy_id),
  member_id INTEGER NOT NULL REFERENCES member(member_id),
  loaned_on DATE NOT NULL,
  due_on DATE NOT NULL,
  returned_on DATE,
  renewals INTEGER NOT NULL,
  fine REAL NOT NULL
);
CREATE INDEX copy_book ON copy(book_id);
CREATE INDEX loan_copy ON loan(copy_id);
CREATE INDEX loan_member ON loan(member_id);
"""

TODAY = date(2024, 12, 31)
YEAR = (1.15, 1.05, 1.0, 0.95, 0.9, 1.1, 1.4, 1.3, 0.95, 1.05, 1.1, 0.8)
OPEN_DAYS = (0.6, 1.0, 1.1, 1.0, 1.2, 1.7, 0.0)

# genre: (share of the books, patterns of titles, words for {a}, words for {b})
GENRES: dict[str, tuple[float, str, str, str]] = {
    "Fiction": (
        5.0,
        "The {a} {b}|A {a} {b}|What the {b} Knew|Letters from a {a} {b}",
        "Silent,Distant,Borrowed,Crimson,Restless,Forgotten,Quiet,Broken",
        "Harbour,Orchard,Summer,Garden,River,Bridge,Winter,Lighthouse",
    ),
    "Mystery": (
        3.6,
        "Murder at {a} {b}|The {a} {b} Case|Death in {a} {b}",
        "Blackwood,Ashdown,Crooked,Hollow,Midnight,Raven",
        "Manor,Station,Lane,Abbey,Market,Hotel",
    ),
    "Science Fiction": (
        2.4,
        "The {a} {b}|Beyond the {a} {b}|Children of the {a} {b}",
        "Orbital,Last,Glass,Hidden,Ninth,Drowned",
        "Colony,Signal,Engine,Moon,Archive,Horizon",
    ),
    "Fantasy": (
        2.4,
        "The {a} {b}|Heir of the {a} {b}|Song of the {a} {b}",
        "Thorn,Silver,Storm,Ember,Winter,Shadow",
        "Crown,Throne,Tower,Dragon,Court,Witch",
    ),
    "History": (
        2.0,
        "A History of {a} {b}|{a} {b} and Its Makers|The Age of {a} {b}",
        "Roman,Medieval,Baltic,Ottoman,Colonial,Victorian",
        "Trade,Cities,Warfare,Science,Food,Railways",
    ),
    "Biography": (
        1.4,
        "The {a} {b}: A Life|Portrait of a {a} {b}",
        "Reluctant,Stubborn,Fearless,Private,Brilliant",
        "Painter,Physicist,Queen,Pilot,Composer",
    ),
    "Science": (
        1.6,
        "Understanding {a} {b}|{a} {b} Explained|The Secret Life of {a} {b}",
        "Marine,Tiny,Quantum,Animal,Human",
        "Minds,Systems,Worlds,Numbers,Cells",
    ),
    "Cooking": (
        1.2,
        "{a} {b}|Simple {a} {b}|The {a} {b} Book",
        "Italian,Everyday,Vegetarian,Nordic,Indian",
        "Baking,Suppers,Soups,Feasts,Breads",
    ),
    "Travel": (
        1.0,
        "{a} the {b}|Slowly {a} the {b}",
        "Across,Around,Along,Beyond",
        "Carpathians,Baltic,Sahara,Andes,Danube",
    ),
    "Children": (
        3.0,
        "The {a} {b}|Goodnight, {a} {b}|Where Is the {a} {b}?",
        "Tiny,Grumpy,Purple,Brave,Sleepy,Curious",
        "Fox,Hedgehog,Dinosaur,Tractor,Penguin,Owl",
    ),
}
LANGUAGES = {"English": 12.0, "German": 3.0, "French": 2.0, "Spanish": 2.0, "Polish": 1.0}
BRANCHES = (
    ("Central", "Old Town", 1911, 320),
    ("Riverside", "Docklands", 1968, 140),
    ("Northgate", "Northgate", 1987, 95),
    ("Hillcrest", "West Hills", 1999, 70),
    ("Station", "Old Town", 2014, 110),
    ("Parkview", "East Park", 2021, 60),
)
NATIONALITIES = (
    "German,British,American,French,Spanish,Italian,Polish,Dutch,Swedish,Indian"
).split(",")


def _authors(draws: Draws) -> list[Row]:
    people = People(draws)
    home = draws.chooser(range(len(COUNTRIES)), [4, 9, 9, 4, 3, 2, 2, 2, 3, 2])
    rows: list[Row] = []
    for number in range(1, 181):
        country = home()
        name = people.meet(COUNTRIES[country]).full
        born = min(1996, int(draws.bell(1953, 22)))
        age = int(draws.bell(76, 9))
        died = born + age if born + age <= TODAY.year and draws.chance(0.9) else None
        rows.append((number, name, NATIONALITIES[country], born, died))
    return rows


def _titles(draws: Draws, count: int) -> list[tuple[str, str]]:
    """Different titles with their genres."""
    genre = draws.chooser(tuple(GENRES), [share for share, *_ in GENRES.values()])
    found: dict[str, str] = {}
    while len(found) < count:
        kind = genre()
        _, patterns, left, right = GENRES[kind]
        pattern = draws.pick(patterns.split("|"))
        words = {"a": draws.pick(left.split(",")), "b": draws.pick(right.split(","))}
        found.setdefault(pattern.format(**words), kind)
    return list(found.items())


def _books(draws: Draws, authors: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rows of `book` and of `book_author`; nobody writes before the age of 24."""
    writer = draws.popular(authors[:170], head=20)
    books: list[Row] = []
    links: list[Row] = []
    for number, (title, genre) in enumerate(_titles(draws, 430), 1):
        first = writer()
        until = min(first[4] or 2024, 2024)
        year = until - int(draws.low_heavy(0, max(until - first[3] - 24, 0)))
        pages = draws.integer(24, 60) if genre == "Children" else int(draws.bell(330, 75))
        books.append((number, title, genre, draws.weighted(LANGUAGES), year, pages))
        team = {first[0]}
        if genre in ("History", "Science", "Cooking", "Travel", "Children"):
            while draws.chance(0.3):
                other = writer()
                if other[3] + 24 <= year <= (other[4] or 2024):
                    team.add(other[0])
        links += [(number, author) for author in sorted(team)]
    return books, links


def _copies(draws: Draws, books: list[Row]) -> list[Row]:
    branch = draws.chooser(range(1, len(BRANCHES) + 1), [7, 3, 2, 1.6, 2.2, 1.4])
    rows: list[Row] = []
    for book in books[:-9]:
        for _ in range(1 + int(draws.low_heavy(0, 9))):
            place = branch()
            opened = max(BRANCHES[place - 1][2], book[4], 2004)
            bought = draws.day(date(opened, 1, 1), TODAY)
            worn = (TODAY - bought).days / 2200
            state = draws.weighted({"new": 1.2, "good": 4, "worn": 2 * worn, "damaged": 0.4 * worn})
            price = round(draws.bell(17, 4.5), 2) if draws.chance(0.9) else None
            rows.append((len(rows) + 1, book[0], place, text(bought), state, price))
    return rows


def _members(draws: Draws) -> list[Row]:
    people = People(draws)
    joined = draws.days(date(2012, 1, 3), date(2024, 12, 14), weekdays=OPEN_DAYS, growth=2.5)
    branch = draws.chooser(range(1, len(BRANCHES) + 1), [6, 3, 2.4, 2, 2, 1.5])
    kinds = {"adult": 10.0, "student": 4.0, "child": 4.0, "senior": 3.0}
    ages = {"adult": (26, 64), "student": (16, 27), "child": (5, 15), "senior": (65, 88)}
    rows: list[Row] = []
    for number, day in enumerate(sorted(joined() for _ in range(780)), 1):
        kind = draws.weighted(kinds)
        day = max(day, date(2019, 1, 2)) if kind in ("child", "student") else day
        low, high = ages[kind]
        born = later(date(TODAY.year - draws.integer(low, high), 1, 1), draws.integer(0, 364))
        person = people.meet()
        email = person.email("readers.example") if draws.chance(0.76) else None
        place = branch()
        rows.append((number, person.full, text(born), kind, text(day), email, place))
    return rows


def _loans(draws: Draws, copies: list[Row], members: list[Row]) -> list[Row]:
    """Loans in the order of their days; no copy is out twice at a time."""
    shelf = draws.popular(copies[: len(copies) - 60], head=30)
    reader = draws.popular(members[: len(members) - 25], head=60)
    lent = draws.days(date(2021, 1, 4), TODAY, YEAR, OPEN_DAYS, growth=1.5)
    free_on: dict[int, date] = {}
    rows: list[Row] = []
    for day in sorted(lent() for _ in range(6800)):
        copy, member = shelf(), reader()
        while copy[3] > day.isoformat() or free_on.get(copy[0], day) > day:
            copy = shelf()
        while member[4] > day.isoformat():
            member = reader()
        renewals = draws.weighted({0: 7.0, 1: 2.0, 2: 0.7})
        due = later(day, 21 + 14 * renewals)
        late = draws.chance(0.13)
        kept = (due - day).days + draws.integer(1, 40) if late else draws.integer(2, 20)
        back = later(day, kept if late else kept + 14 * renewals)
        free_on[copy[0]] = later(back, 1)
        overdue = (back - due).days
        returned = back if back <= TODAY else None
        fine = round(0.25 * overdue, 2) if returned and overdue > 0 else 0.0
        dates = (text(day), text(due), text(returned))
        rows.append((len(rows) + 1, copy[0], member[0], *dates, renewals, fine))
    return rows


def generate(draws: Draws) -> Tables:
    """All rows by table, tables in the order of their references."""
    authors = _authors(draws)
    books, links = _books(draws, authors)
    copies = _copies(draws, books)
    members = _members(draws)
    return {
        "author": authors,
        "book": books,
        "book_author": links,
        "branch": [(number, *branch) for number, branch in enumerate(BRANCHES, 1)],
        "copy": copies,
        "member": members,
        "loan": _loans(draws, copies, members),
    }
