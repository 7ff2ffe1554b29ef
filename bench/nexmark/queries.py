# SPDX-License-Identifier: Apache-2.0
"""The Nexmark queries in DuckDB's SQL, over the views of in_duckdb.py: what the graphs of
configs/nexmark are compared with, row by row in the tests and by time in the benchmark."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def by_rank(name, count):
    """A count of all bids, of cheap ones, of those between, and of dear ones."""
    return (f"{count} AS total_{name}, {count} FILTER (WHERE price < 10000) AS rank1_{name},"
            f" {count} FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_{name},"
            f" {count} FILTER (WHERE price >= 1000000) AS rank3_{name}")


# What each query says; columns that are compared are those of the answer.
SQL = {
    "q0": "SELECT auction, bidder, price, date_time, extra FROM bid",
    "q1": "SELECT auction, bidder, CAST(0.908 AS DOUBLE) * price AS price, date_time, extra"
          " FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE auction % 123 = 0",
    "q3": """SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
        WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')""",
    "q4": """SELECT category, avg(final) AS avg_final FROM (SELECT a.category, max(b.price) AS final
        FROM auction a JOIN bid b ON a.id = b.auction
        WHERE b.date_time BETWEEN a.date_time AND a.expires GROUP BY a.id, a.category)
        GROUP BY ALL""",
    "q5": """WITH hops AS (SELECT auction, unnest([time_bucket(INTERVAL 2 SECOND, date_time)
            - i * INTERVAL 2 SECOND FOR i IN range(5)]) AS window_start FROM bid),
        counts AS (SELECT auction, window_start, count(*) AS num FROM hops GROUP BY ALL)
        SELECT auction, num, window_start, window_start + INTERVAL 10 SECOND AS window_end
        FROM counts QUALIFY num = max(num) OVER (PARTITION BY window_start)""",
    "q6": """WITH winning AS (SELECT a.id, a.seller, a.expires, max(b.price) AS price FROM auction a
            JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
            GROUP BY ALL),
        newest AS (SELECT * FROM winning QUALIFY row_number() OVER (PARTITION BY seller
            ORDER BY expires DESC, id DESC) <= 10)
        SELECT seller, avg(price) AS avg_price FROM newest GROUP BY ALL""",
    "q7": """SELECT auction, price, bidder, date_time, extra FROM bid QUALIFY price = max(price)
        OVER (PARTITION BY time_bucket(INTERVAL 10 SECOND, date_time))""",
    "q8": """SELECT DISTINCT p.id, p.name, time_bucket(INTERVAL 10 SECOND, p.date_time) AS start
        FROM person p JOIN auction a ON p.id = a.seller
        AND time_bucket(INTERVAL 10 SECOND, p.date_time)
            = time_bucket(INTERVAL 10 SECOND, a.date_time)""",
    "q9": """SELECT a.id, a.item_name, a.description, a.initial_bid, a.reserve, a.date_time,
        a.expires, a.seller, a.category, b.auction, b.bidder, b.price,
        b.date_time AS bid_date_time, b.extra
        FROM auction a JOIN bid b ON a.id = b.auction
            AND b.date_time BETWEEN a.date_time AND a.expires
        QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time) = 1""",
    "q10": "SELECT auction, bidder, price, date_time, extra, strftime(date_time, '%Y-%m-%d') AS dt,"
           " strftime(date_time, '%H:%M') AS hm FROM bid",
    "q11": """SELECT bidder, count(*) AS bid_count, min(date_time) AS window_start,
        max(date_time) + INTERVAL 10 SECOND AS window_end FROM (SELECT *, sum(new) OVER (
            PARTITION BY bidder ORDER BY date_time ROWS UNBOUNDED PRECEDING) AS session FROM (
            SELECT *, CASE WHEN date_time - lag(date_time) OVER (PARTITION BY bidder
                ORDER BY date_time) <= INTERVAL 10 SECOND THEN 0 ELSE 1 END AS new FROM bid))
        GROUP BY bidder, session""",
    "q12": """SELECT time_bucket(INTERVAL 10 SECOND, date_time) AS window_start, bidder,
        count(*) AS bid_count FROM bid GROUP BY ALL""",
    "q13": "SELECT b.auction, b.bidder, b.price, b.date_time, s.value FROM bid b JOIN"
           f" read_csv('{ROOT}/configs/nexmark/side-input.csv') s ON b.auction % 100 ="
           " s.slot",
    "q14": """SELECT auction, bidder, CAST(0.908 AS DOUBLE) * price AS price,
        CASE WHEN hour(date_time) BETWEEN 8 AND 18 THEN 'dayTime'
             WHEN hour(date_time) <= 6 OR hour(date_time) >= 20 THEN 'nightTime'
             ELSE 'otherTime' END AS bid_time_type, date_time, extra,
        len(regexp_replace(extra, '[^c]', '', 'g')) AS c_counts
        FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000""",
    "q15": f"""SELECT strftime(date_time, '%Y-%m-%d') AS day, {by_rank("bids", "count(*)")},
        {by_rank("bidders", "count(DISTINCT bidder)")},
        {by_rank("auctions", "count(DISTINCT auction)")} FROM bid GROUP BY ALL""",
    "q16": f"""SELECT channel, strftime(date_time, '%Y-%m-%d') AS day,
        strftime(max(date_time), '%H:%M') AS minute, {by_rank("bids", "count(*)")},
        {by_rank("bidders", "count(DISTINCT bidder)")},
        {by_rank("auctions", "count(DISTINCT auction)")} FROM bid GROUP BY ALL""",
    "q17": """SELECT auction, strftime(date_time, '%Y-%m-%d') AS day, count(*) AS total_bids,
        count(*) FILTER (WHERE price < 10000) AS rank1_bids,
        count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
        count(*) FILTER (WHERE price >= 1000000) AS rank3_bids, min(price) AS min_price,
        max(price) AS max_price, sum(price) / count(*) AS avg_price,
        CAST(sum(price) AS BIGINT) AS sum_price FROM bid GROUP BY ALL""",
    "q18": """SELECT bidder, auction, price, channel, url, date_time, extra FROM (SELECT *,
        row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS n FROM bid)
        WHERE n = 1""",
    "q19": """SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, date_time)
        AS rank_number FROM bid QUALIFY rank_number <= 10""",
    "q20": """SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.date_time AS bid_date_time,
        b.extra AS bid_extra, a.item_name, a.description, a.initial_bid, a.reserve,
        a.date_time AS auction_date_time, a.expires, a.seller, a.category,
        a.extra AS auction_extra FROM bid b JOIN auction a ON b.auction = a.id
        WHERE a.category = 10""",
    "q21": """SELECT auction, bidder, price, channel, channel_id FROM (SELECT *, CASE
        WHEN lower(channel) = 'apple' THEN '0' WHEN lower(channel) = 'google' THEN '1'
        WHEN lower(channel) = 'facebook' THEN '2' WHEN lower(channel) = 'baidu' THEN '3'
        WHEN url LIKE '%&channel_id=%' THEN split_part(url, '&channel_id=', 2) END AS channel_id
        FROM bid) WHERE channel_id IS NOT NULL""",
    "q22": """SELECT auction, bidder, price, channel, string_split(url, '/')[4] AS dir1,
        string_split(url, '/')[5] AS dir2, string_split(url, '/')[6] AS dir3 FROM bid""",
}
