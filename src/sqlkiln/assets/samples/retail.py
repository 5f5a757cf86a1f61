"""An online shop for home, electronics and outdoor goods: four years of orders and reviews."""

from datetime import date

from sqlkiln.assets.samples.draws import Draws, Row, Tables, later, text
from sqlkiln.assets.samples.people import CITIES, COUNTRIES, People

DDL = """
CREATE TABLE customers (
  customer_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  city TEXT NOT NULL,
  country TEXT NOT NULL,
  signup_date DATE NOT NULL,
  loyalty_tier TEXT,
  birth_year INTEGER
);
CREATE TABLE suppliers (
  supplier_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  country TEXT NOT NULL,
  lead_time_days INTEGER NOT NULL
);
CREATE TABLE categories (
  category_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  parent_id INTEGER REFERENCES categories(category_id)
);
CREATE TABLE products (
  product_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  category_id INTEGER NOT NULL REFERENCES categories(category_id),
  supplier_id INTEGER NOT NULL REFERENCES suppliers(supplier_id),
  price REAL NOT NULL,
  cost REAL NOT NULL,
  stock INTEGER NOT NULL,
  launched_on DATE NOT NULL,
  discontinued INTEGER NOT NULL
);
CREATE TABLE orders (
  order_id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers(customer_id),
  order_date DATE NOT NULL,
  shipped_date DATE,
  status TEXT NOT NULL,
  payment_method TEXT NOT NULL,
  shipping_cost REAL NOT NULL
);
CREATE TABLE order_items (
  order_id INTEGER NOT NULL REFERENCES orders(order_id),
  product_id INTEGER NOT NULL REFERENCES products(product_id),
  quantity INTEGER NOT NULL,
  unit_price REAL NOT NULL,
  PRIMARY KEY (order_id, product_id)
);
CREATE TABLE reviews (
  review_id INTEGER PRIMARY KEY,
  product_id INTEGER NOT NULL REFERENCES products(product_id),
  customer_id INTEGER NOT NULL REFERENCES customers(customer_id),
  rating INTEGER NOT NULL,
  review_date DATE NOT NULL,
  comment TEXT
);
CREATE INDEX orders_customer ON orders(customer_id);
CREATE INDEX order_items_product ON order_items(product_id);
CREATE INDEX reviews_product ON reviews(product_id);
"""

TODAY = date(2024, 12, 31)
YEAR = (0.8, 0.75, 0.85, 0.9, 1.0, 0.95, 0.85, 0.8, 0.95, 1.1, 1.75, 2.1)

# parent: {leaf: what it sells and about how much that costs}
CATALOGUE = {
    "Home": {
        "Lighting": "Desk Lamp 42,Floor Lamp 96,Pendant Light 78,Night Light 15,String Lights 19",
        "Cookware": "Frying Pan 38,Stock Pot 54,Baking Tray 17,Wok 46,Saucepan 35,Kettle 49",
        "Bedding": "Duvet 89,Pillow 32,Bed Sheet Set 58,Blanket 44,Mattress Topper 139",
        "Storage": "Storage Box 14,Bookshelf 129,Coat Rack 47,Drawer Organizer 18",
    },
    "Electronics": {
        "Headphones": "Wireless Earbuds 95,Headphones 189,Headset 82,Sport Earbuds 59",
        "Computers": "Laptop Stand 39,Keyboard 99,Webcam 68,Monitor 265,USB Hub 29,Mouse 35",
        "Smart Home": "Smart Plug 17,Video Doorbell 139,Thermostat 159,Motion Sensor 28,Speaker 85",
        "Cameras": "Action Camera 249,Instant Camera 99,Tripod 64,Camera Bag 55,Lens Kit 420",
    },
    "Outdoors": {
        "Camping": "Tent 219,Sleeping Bag 88,Camping Stove 57,Headlamp 31,Hammock 45,Cooler 74",
        "Cycling": "Bike Helmet 65,Bike Light 29,Pannier Bag 72,Bike Pump 27,Cycling Gloves 23",
        "Garden": "Garden Hose 34,Pruning Shears 26,Planter 22,Rake 19,Watering Can 16,Parasol 119",
        "Fitness": "Yoga Mat 33,Dumbbell Set 109,Jump Rope 13,Foam Roller 24,Kettlebell 48",
    },
    "Play": {
        "Board Games": "Strategy Game 49,Party Game 27,Card Game 15,Family Game 32",
        "Puzzles": "1000-Piece Puzzle 18,Wooden Puzzle 25,3D Puzzle 34",
        "Building Toys": "Building Set 69,Marble Run 44,Magnetic Tiles 56,Model Kit 38",
    },
    "Gift Cards": {},
}
BRANDS = "Nordlys Kantara Velmo Brisk Oakline Terrapin Solano Pixley Mornington Zephra".split()
# Who delivers from where.
SUPPLIERS = {
    "Germany": "Rhein Handels,Alpine Makers,Copper Lane,Northgate,Meadow Mills,Amberfield",
    "United States": "Lakeshore Imports,Prairie Goods,Redwood Partners",
    "United Kingdom": "Crown & Co,Tinsmith & Sons,Quayside",
    "Poland": "Vistula Works,Baltic Trade House,Old Mint",
    "Netherlands": "Tulip Wholesale,Canal Street",
    "Italy": "Levant Crafts,Stonebridge,Yellow Barn",
    "India": "Deccan Exports,Sundial Trading",
    "Sweden": "Fjord Supply,Westwind",
    "Spain": "Iberia Goods",
    "France": "Maison Verte",
}
COMMENTS = {
    1: ("Broke after a week", "Not as described", "Arrived damaged"),
    2: ("Cheap feel", "Disappointing for the price", "Instructions are useless"),
    3: ("Does the job", "Average quality", "Okay, but slow delivery"),
    4: ("Good value", "Works well", "Very happy so far"),
    5: ("Love it", "Exactly what I needed", "Excellent quality", "Would buy again"),
}
TIERS = {"bronze": 5.0, "silver": 3.0, "gold": 1.5, "platinum": 0.5}
PAYMENTS = {"card": 5.0, "paypal": 3.0, "bank transfer": 1.3, "gift card": 0.5}


def _customers(draws: Draws) -> list[Row]:
    people = People(draws)
    country = draws.chooser(COUNTRIES, [22, 17, 15, 11, 8, 7, 7, 6, 4, 3])
    joined = draws.days(date(2020, 3, 1), date(2024, 12, 20), YEAR, growth=1.6)
    days = sorted(joined() for _ in range(860))
    rows: list[Row] = []
    for number, day in enumerate(days, 1):
        home = country()
        person = people.meet(home)
        city = draws.pick(CITIES[home].split())
        email = person.email(draws.pick(("mail.example", "post.example", "inbox.example")))
        tier = draws.weighted(TIERS) if draws.chance(0.58) else None
        born = min(int(draws.bell(1983, 12)), 2006) if draws.chance(0.87) else None
        rows.append((number, person.full, email, city, home, text(day), tier, born))
    return rows


def _categories() -> list[Row]:
    rows: list[Row] = [(number, name, None) for number, name in enumerate(CATALOGUE, 1)]
    for parent, leaves in enumerate(CATALOGUE.values(), 1):
        rows += [(len(rows) + n, leaf, parent) for n, leaf in enumerate(leaves, 1)]
    return rows


def _suppliers(draws: Draws) -> list[Row]:
    pairs = [(name, home) for home, names in SUPPLIERS.items() for name in names.split(",")]
    return [
        (number, name, home, draws.integer(2, 45))
        for number, (name, home) in enumerate(draws.some(pairs, len(pairs)), 1)
    ]


def _products(draws: Draws, categories: list[Row], suppliers: list[Row]) -> list[Row]:
    ids = {name: number for number, name, _ in categories}
    supplier = draws.popular([row[0] for row in suppliers[:-2]])
    rows: list[Row] = []
    for leaf, kinds in (pair for group in CATALOGUE.values() for pair in group.items()):
        prices = dict(kind.rsplit(" ", 1) for kind in kinds.split(","))
        names = [(f"{brand} {kind}", kind) for kind in prices for brand in BRANDS]
        for name, kind in draws.some(names, draws.integer(10, 19)):
            about = int(float(prices[kind]) * draws.bell(1.0, 0.17))
            price = about + draws.pick((0.49, 0.9, 0.95, 0.99, 0.99))
            cost = round(price * draws.bell(0.56, 0.07), 2)
            stock = 0 if draws.chance(0.06) else int(draws.low_heavy(3, 640))
            launched = draws.day(date(2019, 1, 7), date(2024, 10, 1))
            flags = (text(launched), int(draws.chance(0.09)))
            number = len(rows) + 1
            rows.append((number, name, ids[leaf], supplier(), price, cost, stock, *flags))
    return rows


def _orders(draws: Draws, customers: list[Row]) -> list[Row]:
    buyer = draws.popular(customers[: len(customers) - 40], head=70)
    placed = draws.days(date(2021, 1, 1), TODAY, YEAR, growth=1.9)
    rows: list[Row] = []
    for day in sorted(placed() for _ in range(4300)):
        customer = buyer()
        while customer[5] > text(day):
            customer = buyer()
        recent = (TODAY - day).days < 6
        late = {"processing": 5.0, "shipped": 4.0, "cancelled": 1.0}
        done = {"delivered": 86.0, "cancelled": 7.0, "returned": 6.0}
        status = draws.weighted(late if recent else done)
        moved = status in ("shipped", "delivered", "returned")
        shipped = min(later(day, int(draws.low_heavy(0, 11))), TODAY) if moved else None
        fee = 0.0 if draws.chance(0.34) else draws.pick((3.95, 4.95, 4.95, 6.9, 9.9))
        pay = draws.weighted(PAYMENTS)
        rows.append((len(rows) + 1, customer[0], text(day), text(shipped), status, pay, fee))
    return rows


def _order_items(draws: Draws, orders: list[Row], products: list[Row]) -> list[Row]:
    product = draws.popular(products[: len(products) - 6], head=12)
    rows: list[Row] = []
    for order in orders:
        basket: dict[object, Row] = {}
        wanted = 1 + int(draws.low_heavy(0, 6))
        while len(basket) < wanted:
            item = product()
            if item[7] <= order[2]:
                count = 1 + int(draws.low_heavy(0, 5))
                price = item[4]
                if draws.chance(0.25):
                    price = round(price * draws.pick((0.8, 0.85, 0.9, 0.95)), 2)
                basket.setdefault(item[0], (order[0], item[0], count, price))
        rows += basket.values()
    return rows


def _reviews(draws: Draws, orders: list[Row], items: list[Row], products: list[Row]) -> list[Row]:
    """One review at most of a customer and product, some weeks after delivery."""
    delivered = {order[0]: order for order in orders if order[4] in ("delivered", "returned")}
    liked = {product[0]: draws.bell(3.9, 0.5) for product in products}
    found: dict[tuple[object, object], Row] = {}
    for order_id, product, _, _ in items:
        order = delivered.get(order_id)
        if order is None or not draws.chance(0.24):
            continue
        mood = draws.bell(liked[product], 0.95) - (1.6 if order[4] == "returned" else 0.0)
        rating = min(5, max(1, round(mood)))
        day = later(date.fromisoformat(order[3]), draws.integer(3, 45))
        comment = draws.pick(COMMENTS[rating]) if draws.chance(0.7) else None
        if day <= TODAY:
            found.setdefault((product, order[1]), (text(day), product, order[1], rating, comment))
    return [
        (number, product, customer, rating, day, comment)
        for number, (day, product, customer, rating, comment) in enumerate(
            sorted(found.values(), key=lambda row: (row[0], row[1], row[2])), 1
        )
    ]


def generate(draws: Draws) -> Tables:
    """All rows by table, tables in the order of their references."""
    customers = _customers(draws)
    categories = _categories()
    suppliers = _suppliers(draws)
    products = _products(draws, categories, suppliers)
    orders = _orders(draws, customers)
    items = _order_items(draws, orders, products)
    return {
        "customers": customers,
        "suppliers": suppliers,
        "categories": categories,
        "products": products,
        "orders": orders,
        "order_items": items,
        "reviews": _reviews(draws, orders, items, products),
    }
