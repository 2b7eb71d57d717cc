"""The loose components of links, as a table: all pairs inside one are scored."""

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
