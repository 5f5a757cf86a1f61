"""A secondary school: pupils, teachers, the classes of four years with their scores, and clubs.

The names of its tables and columns are in CamelCase, as many databases have them.
"""

from datetime import date

from sqlkiln.assets.samples.draws import Draws, Row, Tables, later, text
from sqlkiln.assets.samples.people import People, phone

DDL = """
CREATE TABLE Students (
  StudentID INTEGER PRIMARY KEY,
  FirstName TEXT NOT NULL,
  LastName TEXT NOT NULL,
  Gender TEXT NOT NULL,
  BirthDate DATE NOT NULL,
  GradeLevel INTEGER NOT NULL,
  Town TEXT NOT NULL,
  GuardianPhone TEXT
);
CREATE TABLE Teachers (
  TeacherID INTEGER PRIMARY KEY,
  FirstName TEXT NOT NULL,
  LastName TEXT NOT NULL,
  Subject TEXT NOT NULL,
  HireDate DATE NOT NULL,
  Salary INTEGER NOT NULL,
  Email TEXT
);
CREATE TABLE Courses (
  CourseID INTEGER PRIMARY KEY,
  Title TEXT NOT NULL UNIQUE,
  Subject TEXT NOT NULL,
  Credits INTEGER NOT NULL,
  Difficulty TEXT NOT NULL,
  PrerequisiteID INTEGER REFERENCES Courses(CourseID)
);
CREATE TABLE Classes (
  ClassID INTEGER PRIMARY KEY,
  CourseID INTEGER NOT NULL REFERENCES Courses(CourseID),
  TeacherID INTEGER NOT NULL REFERENCES Teachers(TeacherID),
  Year INTEGER NOT NULL,
  Term TEXT NOT NULL,
  Room TEXT NOT NULL,
  Capacity INTEGER NOT NULL
);
CREATE TABLE Enrollments (
  StudentID INTEGER NOT NULL REFERENCES Students(StudentID),
  ClassID INTEGER NOT NULL REFERENCES Classes(ClassID),
  Score REAL,
  Absences INTEGER NOT NULL,
  PRIMARY KEY (StudentID, ClassID)
);
CREATE TABLE Clubs (
  ClubID INTEGER PRIMARY KEY,
  Name TEXT NOT NULL UNIQUE,
  MeetingDay TEXT NOT NULL,
  FoundedYear INTEGER NOT NULL,
  Budget REAL,
  AdvisorID INTEGER REFERENCES Teachers(TeacherID)
);
CREATE TABLE ClubMembers (
  StudentID INTEGER NOT NULL REFERENCES Students(StudentID),
  ClubID INTEGER NOT NULL REFERENCES Clubs(ClubID),
  JoinedOn DATE NOT NULL,
  Role TEXT NOT NULL,
  PRIMARY KEY (StudentID, ClubID)
);
CREATE INDEX EnrollmentsClass ON Enrollments(ClassID);
CREATE INDEX ClassesCourse ON Classes(CourseID);
"""

# subject: (teachers, ((course, credits, difficulty, whether it asks for the one before it), ...))
SUBJECTS: dict[str, tuple[int, tuple[tuple[str, int, str, bool], ...]]] = {
    "Mathematics": (
        7,
        (
            ("Algebra I", 4, "standard", False),
            ("Algebra II", 4, "standard", True),
            ("Calculus", 5, "advanced", True),
            ("Geometry", 3, "standard", False),
            ("Statistics", 3, "honors", False),
        ),
    ),
    "English": (
        6,
        (
            ("English Composition", 4, "standard", False),
            ("World Literature", 4, "standard", True),
            ("Shakespeare Seminar", 3, "honors", True),
            ("Creative Writing", 2, "standard", False),
        ),
    ),
    "Science": (
        7,
        (
            ("Biology", 4, "standard", False),
            ("Genetics", 3, "advanced", True),
            ("Chemistry", 4, "standard", False),
            ("Organic Chemistry", 5, "advanced", True),
            ("Physics", 4, "honors", False),
            ("Astronomy", 2, "standard", False),
        ),
    ),
    "History": (
        5,
        (
            ("World History", 3, "standard", False),
            ("Modern Europe", 3, "honors", True),
            ("Local History", 2, "standard", False),
        ),
    ),
    "Languages": (
        6,
        (
            ("French I", 3, "standard", False),
            ("French II", 3, "standard", True),
            ("Spanish I", 3, "standard", False),
            ("Spanish II", 3, "standard", True),
            ("Latin", 3, "honors", False),
        ),
    ),
    "Computing": (
        3,
        (
            ("Programming I", 3, "standard", False),
            ("Programming II", 4, "honors", True),
            ("Web Design", 2, "standard", False),
        ),
    ),
    "Arts": (
        4,
        (
            ("Drawing", 2, "standard", False),
            ("Photography", 2, "standard", False),
            ("Choir", 1, "standard", False),
            ("Drama", 2, "standard", False),
        ),
    ),
    "Physical Education": (
        3,
        (("Team Sports", 1, "standard", False), ("Swimming", 1, "standard", False)),
    ),
}
CLUBS = (
    "Chess Club,Robotics Team,Drama Society,Debate Team,School Newspaper,Jazz Band,Hiking Club,"
    "Film Club,Coding Circle,Green Club,Math Olympiad,Book Club,Cooking Club,Model UN,Photo Lab,"
    "Astronomy Group"
).split(",")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
TOWNS = {"Ashford": 9.0, "Millbrook": 5.0, "Eastvale": 3.5, "Cedar Hill": 2.5, "Lakemont": 1.0}
TERMS = ((2021, "Fall"), *((year, t) for year in (2022, 2023, 2024) for t in ("Spring", "Fall")))
LAST_TERM = (2024, "Fall")


def _students(draws: Draws) -> list[Row]:
    people = People(draws)
    rows: list[Row] = []
    for number in range(1, 621):
        person = people.meet(draws.pick(("United Kingdom", "United States", "")))
        grade = draws.weighted({9: 5.6, 10: 5.2, 11: 4.8, 12: 4.4})
        born = later(date(2024 - grade - 6, 9, 1), draws.integer(0, 364))
        contact = phone(draws, "+44") if draws.chance(0.91) else None
        town = draws.weighted(TOWNS)
        name = (person.first, person.last, person.sex)
        rows.append((number, *name, text(born), grade, town, contact))
    return rows


def _teachers(draws: Draws) -> list[Row]:
    people = People(draws)
    hiring = (0, 0, 0, 0, 0, 0, 1, 6, 2, 0, 0, 1)
    hire_day = draws.days(date(1994, 8, 15), date(2023, 8, 20), hiring)
    rows: list[Row] = []
    for subject, (count, _) in SUBJECTS.items():
        for _ in range(count):
            person = people.meet(draws.pick(("United Kingdom", "United States", "")))
            hired = hire_day()
            pay = int(36000 + 780 * (2024 - hired.year) + draws.bell(3000, 1700)) // 10 * 10
            email = person.email("ashford-school.example") if draws.chance(0.9) else None
            job = (subject, text(hired), pay, email)
            rows.append((len(rows) + 1, person.first, person.last, *job))
    return rows


def _courses() -> list[Row]:
    rows: list[Row] = []
    for subject, (_, courses) in SUBJECTS.items():
        for title, points, difficulty, builds_on in courses:
            before = len(rows) if builds_on else None
            rows.append((len(rows) + 1, title, subject, points, difficulty, before))
    return [*rows, (len(rows) + 1, "Philosophy", "History", 2, "honors", None)]


def _classes(draws: Draws, courses: list[Row], teachers: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for year, term in TERMS:
        for course in courses[:-1]:
            if draws.chance(0.12 if course[4] == "standard" else 0.35):
                continue
            staff = [t for t in teachers if t[3] == course[2] and int(t[4][:4]) < year][:-1]
            for _ in range(2 if course[3] >= 4 and course[4] == "standard" else 1):
                room = f"{draws.pick('ABCD')}{draws.integer(1, 3)}{draws.integer(1, 9):02d}"
                seats = draws.pick((24, 28, 28, 30, 32)) if course[4] == "standard" else 20
                teacher = draws.pick(staff)[0]
                rows.append((len(rows) + 1, course[0], teacher, year, term, room, seats))
    return rows


def _enrollments(draws: Draws, students: list[Row], classes: list[Row]) -> list[Row]:
    """Pupils take a course once, while they are in grades 9 to 12; the last term has no scores."""
    talent = {student[0]: draws.bell(73, 7) for student in students}
    strict = {row[2]: draws.bell(0, 3) for row in classes}
    taken: set[tuple[int, int]] = set()
    rows: list[Row] = []
    for number, course, teacher, year, term, _, seats in classes:
        here = [s for s in students if s[5] - (2024 - year) >= (9 if term == "Fall" else 10)]
        fit = [s for s in here if (s[0], course) not in taken]
        for student in draws.some(fit, min(seats, draws.integer(12, 32))):
            taken.add((student[0], course))
            missed = int(draws.low_heavy(0, 17))
            score = draws.bell(talent[student[0]] + strict[teacher], 5.5) - 0.6 * missed
            known = (year, term) != LAST_TERM and not draws.chance(0.02)
            final = min(100.0, max(18.0, round(score, 1))) if known else None
            rows.append((student[0], number, final, missed))
    return sorted(rows)


def _joined(draws: Draws, grade: int) -> date:
    """A day since grade 9, most likely in September."""
    while True:
        autumn = date(draws.integer(2024 - (grade - 9), 2024), 9, 4)
        if (day := later(autumn, int(draws.low_heavy(0, 250)))) < date(2024, 12, 14):
            return day


def _clubs(draws: Draws, students: list[Row], teachers: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rows of `Clubs` and of `ClubMembers`; the newest club has nobody in it yet."""
    clubs: list[Row] = []
    members: list[Row] = []
    advisors = draws.some(teachers, len(CLUBS))
    for number, name in enumerate(CLUBS, 1):
        founded = draws.integer(1978, 2019)
        budget = round(max(120.0, draws.bell(1200, 450)), 2) if draws.chance(0.85) else None
        advisor = draws.pick(advisors)[0] if draws.chance(0.86) else None
        clubs.append((number, name, draws.pick(DAYS), founded, budget, advisor))
        team = draws.some(students, 8 + int(draws.low_heavy(8, 90)))
        joined = sorted((_joined(draws, student[5]), student[0]) for student in team)
        roles = ["president", "treasurer"] + ["member"] * (len(team) - 2)
        for (day, student), role in zip(joined, roles, strict=True):
            members.append((student, number, text(day), role))
    clubs.append((len(clubs) + 1, "Knitting Circle", "Friday", 2024, 180.0, advisors[0][0]))
    return clubs, sorted(members)


def generate(draws: Draws) -> Tables:
    """All rows by table, tables in the order of their references."""
    students = _students(draws)
    teachers = _teachers(draws)
    courses = _courses()
    classes = _classes(draws, courses, teachers)
    enrollments = _enrollments(draws, students, classes)
    clubs, members = _clubs(draws, students, teachers)
    return {
        "Students": students,
        "Teachers": teachers,
        "Courses": courses,
        "Classes": classes,
        "Enrollments": enrollments,
        "Clubs": clubs,
        "ClubMembers": members,
    }
