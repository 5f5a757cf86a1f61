"""An outpatient clinic: patients, appointments, what was found, prescribed and billed."""

from datetime import date

from sqlkiln.assets.samples.draws import Draws, Row, Tables, later, text
from sqlkiln.assets.samples.people import People, phone

DDL = """
CREATE TABLE doctor (
  doctor_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  specialty TEXT NOT NULL,
  hired_on DATE NOT NULL,
  consultation_fee REAL NOT NULL
);
CREATE TABLE patient (
  patient_id INTEGER PRIMARY KEY,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  sex TEXT NOT NULL,
  birth_date DATE NOT NULL,
  city TEXT NOT NULL,
  phone TEXT,
  insurer TEXT,
  blood_type TEXT,
  registered_on DATE NOT NULL
);
CREATE TABLE appointment (
  appointment_id INTEGER PRIMARY KEY,
  patient_id INTEGER NOT NULL REFERENCES patient(patient_id),
  doctor_id INTEGER NOT NULL REFERENCES doctor(doctor_id),
  starts_at DATETIME NOT NULL,
  duration_min INTEGER NOT NULL,
  status TEXT NOT NULL
);
CREATE TABLE diagnosis (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  chronic INTEGER NOT NULL
);
CREATE TABLE appointment_diagnosis (
  appointment_id INTEGER NOT NULL REFERENCES appointment(appointment_id),
  code TEXT NOT NULL REFERENCES diagnosis(code),
  PRIMARY KEY (appointment_id, code)
);
CREATE TABLE medication (
  medication_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  form TEXT NOT NULL,
  pack_price REAL NOT NULL
);
CREATE TABLE prescription (
  prescription_id INTEGER PRIMARY KEY,
  appointment_id INTEGER NOT NULL REFERENCES appointment(appointment_id),
  medication_id INTEGER NOT NULL REFERENCES medication(medication_id),
  packs INTEGER NOT NULL,
  days INTEGER NOT NULL
);
CREATE TABLE invoice (
  invoice_id INTEGER PRIMARY KEY,
  appointment_id INTEGER NOT NULL UNIQUE REFERENCES appointment(appointment_id),
  issued_on DATE NOT NULL,
  amount REAL NOT NULL,
  insurance_share REAL NOT NULL,
  paid_on DATE
);
CREATE INDEX appointment_patient ON appointment(patient_id);
CREATE INDEX appointment_doctor ON appointment(doctor_id);
CREATE INDEX prescription_appointment ON prescription(appointment_id);
"""

TODAY = date(2024, 12, 31)
YEAR = (1.35, 1.3, 1.15, 1.0, 0.95, 0.85, 0.7, 0.65, 1.0, 1.1, 1.2, 1.0)
OPEN_DAYS = (1.3, 1.1, 1.0, 1.0, 0.9, 0.25, 0.0)

# specialty: (doctors, fee, share of the visits)
SPECIALTIES = {
    "General Practice": (7, 58, 12.0),
    "Pediatrics": (4, 66, 4.5),
    "Cardiology": (3, 145, 2.6),
    "Dermatology": (3, 96, 2.8),
    "Orthopedics": (3, 118, 2.6),
    "Neurology": (2, 152, 1.4),
    "Ophthalmology": (2, 92, 1.7),
    "Psychiatry": (2, 128, 1.5),
}
# code: (name, chronic, specialty that sees it most, medications that help)
DIAGNOSES = {
    "I10": ("Hypertension", 1, "Cardiology", "Amlodipine,Ramipril"),
    "I48": ("Atrial fibrillation", 1, "Cardiology", "Apixaban,Metoprolol"),
    "I20": ("Angina", 1, "Cardiology", "Metoprolol,Amlodipine"),
    "E11": ("Type 2 diabetes", 1, "General Practice", "Metformin"),
    "E78": ("High cholesterol", 1, "General Practice", "Atorvastatin"),
    "J06": ("Common cold", 0, "General Practice", "Paracetamol,Nasal Spray"),
    "J10": ("Influenza", 0, "General Practice", "Oseltamivir,Paracetamol"),
    "J20": ("Bronchitis", 0, "General Practice", "Amoxicillin,Cough Syrup"),
    "N39": ("Urinary tract infection", 0, "General Practice", "Nitrofurantoin"),
    "K21": ("Acid reflux", 1, "General Practice", "Omeprazole"),
    "R51": ("Headache", 0, "General Practice", "Ibuprofen,Paracetamol"),
    "H66": ("Ear infection", 0, "Pediatrics", "Amoxicillin"),
    "J45": ("Asthma", 1, "Pediatrics", "Salbutamol,Budesonide"),
    "B01": ("Chickenpox", 0, "Pediatrics", "Calamine Lotion"),
    "J03": ("Tonsillitis", 0, "Pediatrics", "Penicillin V"),
    "L20": ("Eczema", 1, "Dermatology", "Hydrocortisone Cream"),
    "L40": ("Psoriasis", 1, "Dermatology", "Calcipotriol,Methotrexate"),
    "L70": ("Acne", 0, "Dermatology", "Adapalene Gel"),
    "M54": ("Back pain", 0, "Orthopedics", "Ibuprofen,Naproxen"),
    "M17": ("Knee arthritis", 1, "Orthopedics", "Naproxen,Diclofenac Gel"),
    "S93": ("Ankle sprain", 0, "Orthopedics", "Diclofenac Gel"),
    "G43": ("Migraine", 1, "Neurology", "Sumatriptan,Topiramate"),
    "G40": ("Epilepsy", 1, "Neurology", "Levetiracetam"),
    "H10": ("Conjunctivitis", 0, "Ophthalmology", "Antibiotic Eye Drops"),
    "H40": ("Glaucoma", 1, "Ophthalmology", "Latanoprost Drops"),
    "F32": ("Depression", 1, "Psychiatry", "Sertraline"),
    "F41": ("Anxiety disorder", 1, "Psychiatry", "Sertraline,Escitalopram"),
    "G47": ("Insomnia", 0, "Psychiatry", "Melatonin"),
    "A82": ("Rabies", 0, "", ""),
}
# form: the medications that come in it, with the price of a pack
MEDICATIONS = {
    "tablet": "Amlodipine 6.4,Amoxicillin 9.85,Apixaban 78.5,Atorvastatin 11.2,Escitalopram 14.9,"
    "Ibuprofen 4.95,Levetiracetam 32.6,Melatonin 12.75,Metformin 5.3,Methotrexate 24.1,"
    "Metoprolol 8.15,Naproxen 7.6,Nitrofurantoin 16.45,Omeprazole 10.25,Oseltamivir 38.9,"
    "Paracetamol 3.2,Penicillin V 8.7,Ramipril 7.05,Sertraline 13.4,Sumatriptan 27.3,"
    "Topiramate 29.8,Warfarin 9.06,Folic Acid 4.1",
    "cream": "Adapalene Gel 21.5,Calamine Lotion 6.85,Calcipotriol 44.2,Diclofenac Gel 12.3,"
    "Hydrocortisone Cream 8.9",
    "drops": "Antibiotic Eye Drops 11.6,Latanoprost Drops 22.95",
    "inhaler": "Budesonide 34.7,Salbutamol 15.8",
    "spray": "Nasal Spray 5.75",
    "syrup": "Cough Syrup 9.3",
}
INSURERS = {"Medicor": 6.0, "SunHealth": 4.0, "Unity Care": 3.0, "Guardian Plus": 1.2}
CITIES = {"Ashford": 8.0, "Millbrook": 4.0, "Eastvale": 3.0, "Cedar Hill": 1.6, "Lakemont": 1.0}
BLOOD = {"O+": 38.0, "A+": 30.0, "B+": 9.0, "AB+": 3.0, "O-": 7.0, "A-": 6.0, "B-": 2.0, "AB-": 1.0}


def _doctors(draws: Draws) -> list[Row]:
    people = People(draws)
    rows: list[Row] = []
    for specialty, (count, fee, _) in SPECIALTIES.items():
        for _ in range(count):
            hired = draws.day(date(2003, 1, 1), date(2020, 10, 1))
            price = round(fee + draws.bell(0, 6) + 0.4 * (2024 - hired.year), 2)
            name = people.meet().full
            rows.append((len(rows) + 1, name, specialty, text(hired), price))
    last = (len(rows) + 1, people.meet().full, "General Practice", "2024-12-16", 55.5)
    return [*rows, last]


def _patients(draws: Draws) -> list[Row]:
    people = People(draws)
    joined = draws.days(date(2016, 2, 1), date(2024, 12, 20), weekdays=OPEN_DAYS, growth=2.2)
    rows: list[Row] = []
    for number, day in enumerate(sorted(joined() for _ in range(920)), 1):
        person = people.meet(sex="F" if draws.chance(0.54) else "M")
        age = draws.integer(1, 17) if draws.chance(0.2) else int(draws.bell(49, 17))
        born = later(date(2024 - min(max(age, 1), 97), 1, 1), draws.integer(0, 364))
        born = min(born, later(day, -5))
        contact = phone(draws, "+1") if draws.chance(0.9) else None
        insurer = draws.weighted(INSURERS) if draws.chance(0.86) else None
        blood = draws.weighted(BLOOD) if draws.chance(0.64) else None
        name = (person.first, person.last, person.sex, text(born), draws.weighted(CITIES))
        rows.append((number, *name, contact, insurer, blood, text(day)))
    return rows


def _appointments(draws: Draws, patients: list[Row], doctors: list[Row]) -> list[Row]:
    patient = draws.popular(patients[: len(patients) - 35], head=70)
    shares = {name: share / count for name, (count, _, share) in SPECIALTIES.items()}
    seen = doctors[:-1]
    adults = draws.chooser(seen, [shares[d[2]] * (d[2] != "Pediatrics") for d in seen])
    minors = draws.chooser(
        seen, [shares[d[2]] * (9 if d[2] == "Pediatrics" else 0.5) for d in seen]
    )
    on = draws.days(date(2021, 1, 4), date(2025, 2, 14), YEAR, OPEN_DAYS, growth=1.5)
    taken: set[tuple[int, str]] = set()
    rows: list[Row] = []
    for day in sorted(on() for _ in range(6400)):
        who = patient()
        is_minor = day.year - int(who[4][:4]) < 18
        doctor = (minors if is_minor else adults)()
        time = f"{draws.integer(8, 16):02d}:{draws.pick(('00', '15', '30', '45'))}"
        if who[9] > day.isoformat() or (doctor[0], slot := f"{day} {time}:00") in taken:
            continue
        taken.add((doctor[0], slot))
        status = draws.weighted({"completed": 84.0, "cancelled": 9.0, "no-show": 7.0})
        status = "scheduled" if day > TODAY else status
        minutes = draws.pick((45, 60)) if doctor[2] == "Psychiatry" else draws.pick((15, 20, 30))
        rows.append((len(rows) + 1, who[0], doctor[0], slot, minutes, status))
    return rows


def _findings(draws: Draws, appointments: list[Row], doctors: list[Row]) -> list[Row]:
    """Rows of `appointment_diagnosis`; about one completed visit in nine finds nothing."""
    rare = list(DIAGNOSES)[:-1]
    field = {doctor[0]: doctor[2] for doctor in doctors}
    typical = {s: [c for c in rare if DIAGNOSES[c][2] == s] for s in SPECIALTIES}
    favourite = {s: draws.popular(codes) for s, codes in typical.items()}
    rows: list[Row] = []
    for appointment in appointments:
        if appointment[5] != "completed" or draws.chance(0.11):
            continue
        codes = {favourite[field[appointment[2]]]()}
        if draws.chance(0.2):
            codes.add(draws.pick(rare))
        rows += [(appointment[0], code) for code in sorted(codes)]
    return rows


def _medications() -> list[Row]:
    rows: list[Row] = []
    for form, names in MEDICATIONS.items():
        for name, price in (entry.rsplit(" ", 1) for entry in names.split(",")):
            rows.append((len(rows) + 1, name, form, float(price)))
    return rows


def _prescriptions(draws: Draws, findings: list[Row], medications: list[Row]) -> list[Row]:
    ids = {name: number for number, name, *_ in medications}
    rows: list[Row] = []
    for appointment, code in findings:
        _, chronic, _, remedies = DIAGNOSES[code]
        for name in draws.some(remedies.split(","), 2 if draws.chance(0.18) else 1):
            if draws.chance(0.26):
                continue
            days = draws.pick((30, 60, 90)) if chronic else draws.pick((3, 5, 7, 7, 10, 14))
            packs = max(1, days // 30)
            rows.append((len(rows) + 1, appointment, ids[name], packs, days))
    return rows


def _invoices(
    draws: Draws, appointments: list[Row], patients: list[Row], doctors: list[Row]
) -> list[Row]:
    insurer = {patient[0]: patient[7] for patient in patients}
    fee = {doctor[0]: doctor[4] for doctor in doctors}
    rows: list[Row] = []
    for number, patient, doctor, starts_at, minutes, status in appointments:
        if status not in ("completed", "no-show") or draws.chance(0.02):
            continue
        issued = later(date.fromisoformat(starts_at[:10]), draws.integer(0, 9))
        extra = (
            draws.low_heavy(0, 160) + 0.5 * minutes if status == "completed" else -0.5 * fee[doctor]
        )
        amount = round(fee[doctor] + extra, 2)
        covered = status == "completed" and insurer[patient] is not None
        share = round(amount * draws.pick((0.5, 0.7, 0.8, 0.8, 0.9)), 2) if covered else 0.0
        paid = later(issued, int(draws.low_heavy(1, 90))) if draws.chance(0.93) else None
        settled = text(paid) if paid and paid <= TODAY else None
        if issued <= TODAY:
            rows.append((len(rows) + 1, number, text(issued), amount, share, settled))
    return rows


def generate(draws: Draws) -> Tables:
    """All rows by table, tables in the order of their references."""
    doctors = _doctors(draws)
    patients = _patients(draws)
    appointments = _appointments(draws, patients, doctors)
    findings = _findings(draws, appointments, doctors)
    medications = _medications()
    return {
        "doctor": doctors,
        "patient": patients,
        "appointment": appointments,
        "diagnosis": [(code, name, chronic) for code, (name, chronic, *_) in DIAGNOSES.items()],
        "appointment_diagnosis": findings,
        "medication": medications,
        "prescription": _prescriptions(draws, findings, medications),
        "invoice": _invoices(draws, appointments, patients, doctors),
    }
