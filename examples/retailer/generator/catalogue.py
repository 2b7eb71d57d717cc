"""What the retailer sells: 200 products in ten categories, with one list price in each currency."""

import duckdb
import pyarrow as pa

# category: ten things, each sold as Classic and Premium
_PRODUCTS = {
    "Garden": "Watering Can|Pruning Shears|Garden Hose|Plant Pot|Lawn Feed"
    "|Bird Feeder|Rake|Spade|Solar Light|Greenhouse",
    "Kitchen": "Chef's Knife|Frying Pan|Saucepan|Mixing Bowl|Toaster|Kettle|Chopping Board|Coffee Maker|Blender|Whisk",
    "Bath": "Bath Towel|Shower Curtain|Soap Dish|Bath Mat|Mirror|Toothbrush Holder|Bathrobe|Scales|Shelf|Laundry Bin",
    "Bedroom": "Duvet|Pillow|Fitted Sheet|Blanket|Mattress Topper"
    "|Bedside Lamp|Alarm Clock|Wardrobe Box|Quilt|Bed Frame",
    "Toys": "Building Blocks|Puzzle|Board Game|Teddy Bear|Train Set|Doll|Kite|Modelling Clay|Scooter|Science Kit",
    "Sports": "Yoga Mat|Dumbbell|Football|Tennis Racket|Bike Lamp"
    "|Water Bottle|Backpack|Tent|Sleeping Bag|Skipping Rope",
    "Electronics": "Headphones|Power Bank|USB Cable|Speaker|Desk Lamp|Webcam|Keyboard|Smart Plug|Tablet Case|Radio",
    "Fashion": "Wool Scarf|Rain Jacket|T-Shirt|Jeans|Leather Belt|Sun Hat|Socks|Cardigan|Trainers|Gloves",
    "Beauty": "Hand Cream|Shampoo|Face Mask|Perfume|Lip Balm|Hair Dryer|Nail Set|Body Lotion|Razor|Make-up Bag",
    "Food": "Olive Oil|Dark Chocolate|Tea Selection|Coffee Beans|Honey|Pasta Gift Set|Chutney|Biscuits|Spice Rack|Wine",
}
_BASE_PRICE = [24, 32, 18, 46, 22, 28, 38, 41, 16, 12]

CATEGORIES = list(_PRODUCTS)
PRODUCTS_PER_CATEGORY = 20


def products() -> pa.Table:
    """The catalogue: product (0-199, category-major), product_id, article_no, product_name, category, one
    price a currency.
    """
    rows: list[dict[str, object]] = []
    for c, (category, names) in enumerate(_PRODUCTS.items()):
        for i in range(PRODUCTS_PER_CATEGORY):
            product = c * PRODUCTS_PER_CATEGORY + i
            base, name = divmod(i, 10)[0], names.split("|")[i % 10]
            pounds = round(_BASE_PRICE[c] * (0.35 + (product * 37 % 100) / 60) * (1.8 if base else 1.0)) + 0.99
            rows.append(
                {
                    "product": product,
                    "product_id": f"P{product + 1:04d}",
                    "article_no": f"{400000 + product + 1}",
                    "product_name": f"{name} {'Premium' if base else 'Classic'}",
                    "category": category,
                    "GBP": pounds,
                    "EUR": round(pounds * 1.2) + 0.99,
                    "USD": round(pounds * 1.3) + 0.95,
                }
            )
    return pa.Table.from_pylist(rows)


def create_products(con: duckdb.DuckDBPyConnection) -> None:
    """`products`, and the macros product_of (a person's draw, favourites first), price_in, currency_of."""
    con.register("product_rows", products())
    con.execute("CREATE TABLE products AS SELECT * FROM product_rows ORDER BY product")
    con.unregister("product_rows")
    con.execute(f"""
        CREATE MACRO product_of(person, k) AS floor(u(CASE WHEN u(k, 'favourite') < .55 THEN person
            ELSE k END, 'category')
            * {len(CATEGORIES)})::INTEGER * {PRODUCTS_PER_CATEGORY} + floor(u(k, 'item') ** 1.7 *
                {PRODUCTS_PER_CATEGORY})::INTEGER;
        CREATE MACRO currency_of(country) AS CASE country WHEN 'GB' THEN 'GBP' WHEN 'DE' THEN 'EUR'
            ELSE 'USD' END;
        CREATE MACRO price_in(country, gbp, eur, usd) AS CASE country WHEN 'GB' THEN gbp WHEN 'DE' THEN eur
            ELSE usd END
    """)
