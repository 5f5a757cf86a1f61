"""Names of people and places for the sample data, by country."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlkiln.assets.samples.draws import Draws

FEMALE = {
    "Germany": "Anna Lena Katrin Sabine Julia Franziska Heike Marlene Ines Greta Birgit Paula",
    "United Kingdom": "Emily Charlotte Harriet Grace Imogen Olivia Rosie Fiona Alice Megan Zara",
    "United States": "Ashley Madison Brianna Hannah Natalie Jasmine Kayla Denise Abigail Morgan",
    "France": "Camille Léa Manon Chloé Juliette Élodie Margaux Inès Aurélie Sylvie Claire",
    "Spain": "Lucía Carmen Marta Elena Paloma Sofía Irene Pilar Noelia Beatriz Rocío",
    "Italy": "Giulia Chiara Francesca Martina Elisa Federica Silvia Bianca Serena Ginevra",
    "Poland": "Agnieszka Zofia Magdalena Ewa Karolina Joanna Monika Hanna Aleksandra Iwona",
    "Netherlands": "Sanne Femke Lotte Anouk Marieke Fleur Maud Noor Esmee Roos",
    "Sweden": "Astrid Linnea Ebba Saga Maja Elsa Freja Ingrid Tuva Karin",
    "India": "Priya Ananya Kavya Meera Divya Nisha Shreya Pooja Lakshmi Aditi",
}
MALE = {
    "Germany": "Jonas Lukas Matthias Stefan Florian Tobias Uwe Henrik Moritz Felix Jürgen Karl",
    "United Kingdom": "Oliver George Callum Rupert Edward Harry Alistair Nigel Liam Toby Jamal",
    "United States": "Tyler Jordan Brandon Marcus Ethan Caleb Dylan Austin Terrence Logan",
    "France": "Antoine Théo Julien Bastien Mathieu Rémi Étienne Nicolas Pascal Luc Adrien",
    "Spain": "Javier Pablo Diego Álvaro Sergio Íñigo Rubén Hugo Manuel Andrés Iker",
    "Italy": "Matteo Lorenzo Alessandro Davide Giacomo Nicola Riccardo Emanuele Dario Tommaso",
    "Poland": "Piotr Tomasz Krzysztof Marek Jakub Wojciech Paweł Kamil Bartosz Łukasz",
    "Netherlands": "Daan Bram Joost Sven Thijs Pieter Ruben Maarten Koen Jasper",
    "Sweden": "Erik Nils Gustav Oskar Axel Anders Viktor Emil Lars Johan",
    "India": "Arjun Rohan Vikram Sanjay Aditya Rahul Karthik Nikhil Suresh Varun",
}
LAST = {
    "Germany": "Müller Schmidt Weber Fischer Becker Hoffmann Schäfer Koch Wagner Richter Klein "
    "Neumann Schwarz Krüger Vogel Lange Brandt Seidel Arnold Pohl",
    "United Kingdom": "Smith Jones Taylor Hughes Walker Bennett Clarke Davies Whitfield Harrison "
    "Okafor Patterson Reid Sutton Fletcher Barker Ellis Marsh Holloway Khan",
    "United States": "Johnson Williams Brown Garcia Miller Davis Martinez Anderson Jackson Nguyen "
    "Thompson Lewis Carter Brooks Foster Hayes Coleman Russell Griffin Ramirez",
    "France": "Martin Bernard Dubois Moreau Laurent Lefebvre Roux Fontaine Girard Mercier Blanc "
    "Chevalier Garnier Faure Renaud Picard Marchand Colin Perrin Benali",
    "Spain": "García Fernández López Sánchez Romero Navarro Torres Domínguez Vázquez Ramos Gil "
    "Serrano Molina Ortega Castro Iglesias Cortés Herrera Prieto Vidal",
    "Italy": "Rossi Russo Ferrari Bianchi Romano Colombo Ricci Marino Greco Conti Gallo Costa "
    "Fontana Moretti Barbieri Lombardi Caruso Ferrara Villa Serra",
    "Poland": "Nowak Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Mazur "
    "Krawczyk Piotrowski Grabowski Pawlak Dudek Wieczorek Jabłoński Król Stępień Malinowski Sikora",
    "Netherlands": "Jansen Visser Bakker Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer "
    "Koster Willems Kuipers Postma Kok Schouten Prins Huisman",
    "Sweden": "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson "
    "Lindberg Lindqvist Berglund Sandberg Holm Nyström Ekström Hedlund Sjögren Wallin Åberg",
    "India": "Sharma Patel Reddy Iyer Nair Gupta Mehta Rao Banerjee Kapoor Desai Menon Joshi "
    "Chatterjee Pillai Bose Malhotra Kulkarni Sinha Verma",
}
CITIES = {
    "Germany": "Berlin Hamburg Munich Cologne Leipzig Stuttgart",
    "United Kingdom": "London Manchester Bristol Edinburgh Leeds",
    "United States": "Chicago Boston Seattle Denver Austin Portland",
    "France": "Paris Lyon Toulouse Nantes Lille",
    "Spain": "Madrid Barcelona Valencia Seville",
    "Italy": "Milan Rome Turin Bologna",
    "Poland": "Warsaw Kraków Gdańsk Wrocław",
    "Netherlands": "Amsterdam Rotterdam Utrecht",
    "Sweden": "Stockholm Gothenburg Malmö",
    "India": "Mumbai Bengaluru Chennai Pune",
}
COUNTRIES = tuple(CITIES)

_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss", "ø": "o"})


@dataclass(frozen=True)
class Person:
    """A made-up person; `sex` is 'F' or 'M'."""

    first: str
    last: str
    sex: str

    @property
    def full(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    def email(self, domain: str) -> str:
        """An address in plain ASCII."""
        letters = unicodedata.normalize("NFKD", f"{self.first}.{self.last}".translate(_PLAIN))
        return f"{letters.encode('ascii', 'ignore').decode().lower()}@{domain}"


@dataclass
class People:
    """Hands out people; no two of them have the same e-mail address, hence no full name either."""

    draws: Draws
    taken: set[str] = field(default_factory=set)

    def meet(self, country: str = "", sex: str = "") -> Person:
        """A person whose name is at home in `country` ('' = any)."""
        while True:
            home = country or self.draws.pick(COUNTRIES)
            which = sex or self.draws.pick("FM")
            firsts = (FEMALE if which == "F" else MALE)[home].split()
            first, last = self.draws.pick(firsts), self.draws.pick(LAST[home].split())
            if which == "F" and last.endswith("ski"):
                last = f"{last[:-1]}a"
            person = Person(first, last, which)
            if (key := person.email("")) not in self.taken:
                self.taken.add(key)
                return person


def phone(draws: Draws, prefix: str) -> str:
    """A telephone number in the range kept for fiction."""
    return f"{prefix} 555 01{draws.integer(0, 99):02d} {draws.integer(0, 999):03d}"


def distinct_pairs(
    draws: Draws, left: Sequence[str], right: Sequence[str], count: int
) -> list[str]:
    """`count` different 'left right' names."""
    return draws.some([f"{a} {b}" for a in left for b in right], count)
