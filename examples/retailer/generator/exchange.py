"""The treasury's exchange rates: on working days, what a euro and a dollar are worth in pounds."""

import duckdb

from .files import Landing, csv_line

RATES = {"EUR": 0.86, "USD": 0.75}
"""About which each rate swings, by a few percent in some weeks and a little from day to day."""


def write_rates(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Rates of the batch. A weekend has none, but for a first day: its file has those of the Friday before."""
    listed = ", ".join(f"('{currency}', {rate}, {n})" for n, (currency, rate) in enumerate(RATES.items()))
    rows = con.execute(f"""
        WITH published AS (
            SELECT day, currency,
                DATE '{landing.start}' + (day - greatest(weekday - 5, 0))::INTEGER AS date,
                printf('%.5f', middle * (1 + .02 * sin(day / 11.0 + n) + .006 * (u(day * 8 + n, 'rate') - .5))) AS rate
            FROM days, (VALUES {listed}) AS t(currency, middle, n)
            WHERE weekday <= 5 OR day = 0
        )
        SELECT day, {csv_line("date currency rate")} AS line FROM published ORDER BY day, currency
    """)
    landing.write_lines(rows, "finance/rates", "csv", header="date,currency,rate\n", on_days_off=False)
