"""A consultancy of some 360 people: departments, who reports to whom, projects and hours."""

from datetime import date
from typing import Any

from sqlkiln.assets.samples.draws import WEEKDAYS, Draws, Row, Tables, later, text
from sqlkiln.assets.samples.people import COUNTRIES, People, distinct_pairs, phone

DDL = """
CREATE TABLE department (
  department_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  city TEXT NOT NULL,
  annual_budget REAL NOT NULL
);
CREATE TABLE employee (
  employee_id INTEGER PRIMARY KEY,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  phone TEXT,
  job_title TEXT NOT NULL,
  hire_date DATE NOT NULL,
  left_on DATE,
  salary REAL NOT NULL,
  department_id INTEGER NOT NULL REFERENCES department(department_id),
  manager_id INTEGER REFERENCES employee(employee_id)
);
CREATE TABLE client (
  client_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  industry TEXT NOT NULL,
  country TEXT NOT NULL,
  client_since DATE NOT NULL
);
CREATE TABLE project (
  project_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  client_id INTEGER REFERENCES client(client_id),
  department_id INTEGER NOT NULL REFERENCES department(department_id),
  status TEXT NOT NULL,
  budget REAL NOT NULL,
  start_date DATE NOT NULL,
  end_date DATE
);
CREATE TABLE assignment (
  employee_id INTEGER NOT NULL REFERENCES employee(employee_id),
  project_id INTEGER NOT NULL REFERENCES project(project_id),
  role TEXT NOT NULL,
  hours_per_week INTEGER NOT NULL,
  PRIMARY KEY (employee_id, project_id)
);
CREATE TABLE timesheet (
  timesheet_id INTEGER PRIMARY KEY,
  employee_id INTEGER NOT NULL REFERENCES employee(employee_id),
  project_id INTEGER NOT NULL REFERENCES project(project_id),
  work_date DATE NOT NULL,
  hours REAL NOT NULL,
  billable INTEGER NOT NULL
);
CREATE TABLE salary_change (
  salary_change_id INTEGER PRIMARY KEY,
  employee_id INTEGER NOT NULL REFERENCES employee(employee_id),
  changed_on DATE NOT NULL,
  old_salary REAL NOT NULL,
  new_salary REAL NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX timesheet_employee ON timesheet(employee_id);
CREATE INDEX timesheet_project ON timesheet(project_id);
"""

TODAY = date(2024, 12, 31)

# name: city, people, yearly budget in thousands, {job title: (share, starting salary)}
DEPARTMENTS: dict[str, tuple[str, int, int, dict[str, tuple[float, int]]]] = {
    "Management": ("Berlin", 5, 1900, {"Executive Assistant": (1, 52000)}),
    "Engineering": (
        "Berlin",
        96,
        9400,
        {"Software Engineer": (6, 64000), "Senior Engineer": (3, 82000), "QA Tester": (2, 51000)},
    ),
    "Data Science": (
        "Amsterdam",
        38,
        4100,
        {"Data Scientist": (4, 69000), "Data Engineer": (3, 67000), "Data Analyst": (3, 54000)},
    ),
    "Design": ("London", 24, 1850, {"Designer": (4, 52000), "UX Researcher": (2, 56000)}),
    "Sales": (
        "London",
        46,
        3600,
        {"Account Manager": (3, 53000), "Sales Representative": (5, 43000)},
    ),
    "Marketing": (
        "Madrid",
        26,
        2250,
        {"Content Writer": (3, 41000), "Campaign Planner": (2, 47000)},
    ),
    "Finance": ("London", 22, 1700, {"Accountant": (4, 51000), "Controller": (1, 68000)}),
    "Human Resources": ("Berlin", 15, 1050, {"Recruiter": (3, 45000), "HR Partner": (2, 54000)}),
    "Legal": ("Amsterdam", 9, 980, {"Counsel": (2, 78000), "Paralegal": (1, 46000)}),
    "Customer Support": ("Warsaw", 52, 1980, {"Support Agent": (6, 33000), "Trainer": (1, 39000)}),
    "Operations": ("Warsaw", 27, 1560, {"Coordinator": (3, 38000), "Buyer": (1, 44000)}),
    "Sustainability": ("Madrid", 0, 350, {}),
}
# How much of the staff is at work in each month, January first.
PRESENT = (0.9, 0.9, 1.0, 0.95, 0.9, 0.9, 0.65, 0.5, 1.0, 1.0, 1.0, 0.6)
HOMES = {"Berlin": "Germany", "Amsterdam": "Netherlands", "London": "United Kingdom"}
HOMES |= {"Madrid": "Spain", "Warsaw": "Poland"}
INDUSTRIES = {
    "Banking": ("Bank", "Capital"),
    "Insurance": ("Mutual", "Insurance"),
    "Retail": ("Stores", "Outfitters"),
    "Healthcare": ("Clinics", "Health"),
    "Energy": ("Energy", "Power"),
    "Logistics": ("Logistics", "Freight"),
    "Media": ("Media", "Studios"),
    "Public Sector": ("City Council", "Agency"),
}
CLIENT_NAMES = (
    "Alder Bexley Corvane Dunmore Elmfield Fairhaven Greywell Halden Ivybridge Jorvik Kestrel "
    "Larkspur Meridian Norvale Oakhurst Pinemoor Quillon Ravensby Silverton Thornbury Umbria"
).split()
CODENAMES = (
    "Aurora Basalt Cobalt Drift Ember Falcon Granite Harbor Indigo Juniper Lumen Mistral".split()
)
TOPICS = (
    "Data Platform,Website Relaunch,Mobile App,Cloud Migration,Pricing Study,Brand Refresh,"
    "Security Audit,Customer Portal,Forecasting Engine,Warehouse Automation,Chatbot Pilot,"
    "Compliance Review,Payroll Rollout,Market Entry,Training Program"
).split(",")
DELIVERY = ("Engineering", "Data Science", "Design", "Marketing", "Operations")
ROLES = {"contributor": 6.0, "reviewer": 2.0, "advisor": 1.0}


def _departments() -> list[Row]:
    return [
        (number, name, city, budget * 1000.0)
        for number, (name, (city, _, budget, _)) in enumerate(DEPARTMENTS.items(), 1)
    ]


def _employees(draws: Draws) -> list[list[Any]]:
    """Rows of `employee`, starting salaries still; the first one runs the company."""
    people = People(draws)
    rows: list[list[Any]] = []
    early = draws.days(date(2011, 1, 10), date(2017, 12, 1), weekdays=WEEKDAYS)
    joined = draws.days(date(2014, 2, 1), date(2024, 11, 4), weekdays=WEEKDAYS, growth=3.0)

    def hire(title: str, start_pay: float, place: tuple[int, str], boss: int | None) -> int:
        country = HOMES[place[1]] if draws.chance(0.65) else ""
        person = people.meet(country)
        hired = (early if title.startswith(("Chief", "Head")) else joined)()
        left = draws.day(later(hired, 200), date(2025, 9, 30)) if draws.chance(0.28) else None
        gone = left if boss and left and left <= TODAY and "Head" not in title else None
        number = len(rows) + 1
        contact = phone(draws, "+49") if draws.chance(0.82) else None
        pay = round(start_pay * draws.bell(1.0, 0.06), -1)
        row = [number, person.first, person.last, person.email("brightwater.example"), contact]
        rows.append([*row, title, text(hired), text(gone), pay, place[0], boss])
        return number

    chief = hire("Chief Executive Officer", 238000, (1, "Berlin"), None)
    for number, (name, (city, size, _, titles)) in enumerate(DEPARTMENTS.items(), 1):
        if not titles:
            continue
        place = (number, city)
        shares = [share for share, _ in titles.values()]
        choose = draws.chooser(tuple(titles.items()), shares)
        top = max(start for _, start in titles.values())
        is_office = name == "Management"
        head = chief if is_office else hire(f"Head of {name}", top * 1.75, place, chief)
        leads = [hire("Team Lead", top * 1.3, place, head) for _ in range((size - 2) // 9)]
        for _ in range(size - 1 - len(leads)):
            title, (_, start) = choose()
            hire(title, start, place, draws.pick(leads) if leads else head)
    return rows


def _salary_changes(draws: Draws, employees: list[list[Any]]) -> list[Row]:
    """Yearly raises up to today, or until somebody left; moves `employee.salary` along."""
    rows: list[Row] = []
    for employee in employees:
        hired = date.fromisoformat(employee[6])
        end = date.fromisoformat(employee[7]) if employee[7] else TODAY
        for year in range(hired.year + 1, end.year + 1):
            if not draws.chance(0.62):
                continue
            month, reason = 4, "annual review"
            if draws.chance(0.12):
                month, reason = draws.integer(1, 12), "promotion"
            elif draws.chance(0.12):
                month, reason = draws.integer(6, 9), "market adjustment"
            changed = date(year, month, 1)
            if not later(hired, 90) < changed < end:
                continue
            old = employee[8]
            step = draws.bell(0.105, 0.02) if reason == "promotion" else draws.bell(0.032, 0.007)
            employee[8] = round(old * (1 + step), -1)
            rows.append((len(rows) + 1, employee[0], text(changed), old, employee[8], reason))
    return rows


def _clients(draws: Draws) -> list[Row]:
    rows: list[Row] = []
    names = draws.some([(a, i) for a in CLIENT_NAMES for i in INDUSTRIES], 64)
    country = draws.chooser(COUNTRIES, [9, 8, 4, 4, 3, 2, 4, 5, 2, 1])
    for number, (prefix, industry) in enumerate(names, 1):
        name = f"{prefix} {draws.pick(INDUSTRIES[industry])}"
        since = draws.day(date(2012, 1, 1), date(2024, 6, 30))
        rows.append((number, name, industry, country(), text(since)))
    return rows


def _projects(draws: Draws, clients: list[Row]) -> list[Row]:
    rows: list[Row] = []
    client = draws.popular(clients[:52])
    ids = {name: number for number, name in enumerate(DEPARTMENTS, 1)}
    for number, name in enumerate(distinct_pairs(draws, CODENAMES, TOPICS, 110), 1):
        start = draws.day(date(2019, 2, 1), date(2025, 2, 15))
        end = later(start, draws.integer(70, 640))
        status = "planned" if start > TODAY else "completed" if end <= TODAY else "active"
        if status != "planned" and draws.chance(0.12):
            status = draws.pick(("cancelled", "on hold"))
        finished = end if status in ("completed", "cancelled") and end <= TODAY else None
        status = "on hold" if status == "cancelled" and finished is None else status
        customer = None if draws.chance(0.16) else client()[0]
        owner = ids[draws.weighted(dict(zip(DELIVERY, (5.0, 4.0, 2.5, 2.0, 1.0), strict=True)))]
        budget = round(draws.low_heavy(18000, 920000), -2)
        rows.append((number, name, customer, owner, status, budget, text(start), text(finished)))
    return rows


def _assignments(draws: Draws, employees: list[list[Any]], projects: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for project in projects[:-4]:
        begin, until = project[6], project[7] or TODAY.isoformat()
        staff = [e for e in employees if e[6] < begin and (e[7] or "9999") > until]
        own = [e for e in staff if e[9] == project[3]]
        others = [e for e in staff if e[9] != project[3] and e[9] != 1]
        size = 1 + int(draws.low_heavy(2, 11))
        team = draws.some(own, size) + draws.some(others, size // 3)
        for place, member in enumerate(team):
            role = "lead" if place == 0 else draws.weighted(ROLES)
            weekly = draws.pick((4, 8, 8, 12, 16, 20, 24, 32))
            rows.append((member[0], project[0], role, weekly))
    return rows


def _workday(draws: Draws, first: date, last: date) -> date:
    while True:
        day = draws.day(first, last)
        if day.weekday() < 5 and draws.chance(PRESENT[day.month - 1]):
            return day


def _timesheets(draws: Draws, assignments: list[Row], projects: list[Row]) -> list[Row]:
    entries: list[Row] = []
    by_id = {project[0]: project for project in projects}
    for employee, project_id, _, weekly in assignments:
        project = by_id[project_id]
        first = date.fromisoformat(project[6])
        last = date.fromisoformat(project[7]) if project[7] else TODAY
        if first > TODAY:
            continue
        for _ in range(draws.integer(4, 14) + int(weekly) // 2):
            hours = draws.pick((1.5, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0, 7.5, 8.0, 8.0))
            billable = int(project[2] is not None and draws.chance(0.86))
            entries.append(
                (text(_workday(draws, first, last)), employee, project_id, hours, billable)
            )
    entries.sort()
    return [
        (number, employee, project_id, day, hours, billable)
        for number, (day, employee, project_id, hours, billable) in enumerate(entries, 1)
    ]


def generate(draws: Draws) -> Tables:
    """All rows by table, tables in the order of their references."""
    employees = _employees(draws)
    changes = _salary_changes(draws, employees)
    clients = _clients(draws)
    projects = _projects(draws, clients)
    assignments = _assignments(draws, employees, projects)
    return {
        "department": _departments(),
        "employee": [tuple(row) for row in employees],
        "client": clients,
        "project": projects,
        "assignment": assignments,
        "timesheet": _timesheets(draws, assignments, projects),
        "salary_change": changes,
    }
