"""Loose components of links, as tables: all pairs in one are scored, and what reaches a record of one reaches all."""

import duckdb
import numpy as np
import pyarrow as pa

from cdp_assets.identity.components import components, pieces
from cdp_assets.identity.weights import to_weight
from cdp_model.identity import IdentitySettings


def find_pieces(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Fill the scratch table ``members`` (id, piece) from ``edges`` (id_l, id_r, weight, fold): the loose components.

    Records with equal evidence count as one; pieces of one or two have no further pairs and are left out.
    """
    found = con.execute("SELECT id_l, id_r, weight, fold FROM edges").fetchnumpy()
    ends = np.concatenate([np.asarray(found[name], dtype=np.int64) for name in ("id_l", "id_r")])
    ids, ends = np.unique(ends, return_inverse=True)
    left, right = np.split(ends, 2)
    n = len(ids)
    fold = np.asarray(found["fold"], dtype=bool)
    group = components(n, left[fold], right[fold])
    threshold = to_weight(settings.link_threshold)
    weight = np.asarray(found["weight"], dtype=np.float64)
    label = pieces(n, group[left], group[right], weight, threshold, settings.max_component)
    size = np.bincount(label[np.unique(group)], minlength=n)
    piece = label[group]
    inside = np.flatnonzero(size[piece] > 2)
    con.register("found_pieces", pa.table({"id": ids[inside], "piece": ids[piece[inside]]}))
    con.execute("CREATE OR REPLACE TABLE members AS FROM found_pieces")
    con.unregister("found_pieces")


def find_components(con: duckdb.DuckDBPyConnection, threshold: float) -> None:
    """Fill the scratch table ``components`` (id, smallest) from ``result``: what links may make one person.

    So may links of rules, and scores of ``threshold`` or more. Whatever is decided about records that only weaker links
    are between is decided apart. Records that no such link joins to another are left out.
    """
    found = con.execute(
        """SELECT id_l, id_r FROM result
        WHERE rule = 'identical'
            OR (veto IS NULL AND rule <> 'compared' AND NOT (rule = 'splink' AND match_weight < ?))""",
        [threshold],
    ).fetchnumpy()
    ids, ends = np.unique(np.concatenate([found["id_l"], found["id_r"]]).astype(np.int64), return_inverse=True)
    left, right = np.split(ends, 2)
    smallest = ids[components(len(ids), left, right)]
    con.register("found_components", pa.table({"id": ids, "smallest": smallest}))
    con.execute("CREATE OR REPLACE TABLE components AS FROM found_components")
    con.unregister("found_components")
