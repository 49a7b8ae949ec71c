"""Faces matched with enrolled people by likeness: how many are, and how many wrongly, on people the profile never saw.

Needs FACEWARDEN_EVAL, the folder of the evaluation pictures. Of LFW's held-out people every second one is enrolled with
one picture; everybody else's pictures, and the further ones of the enrolled, walk past. ORL's forty likewise.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import Figures
from people import faces_of
from worse import held_out

from detectors.matching import NOBODY, match_enrolled
from detectors.profile import shipped


def measure() -> Figures:
    folder = os.environ.get("FACEWARDEN_EVAL")
    if not folder:
        print("  matching: skipped; set FACEWARDEN_EVAL to the folder of the evaluation pictures")
        return {}
    orl = faces_of(Path(folder) / "orl")
    orl["person"] = orl["uri"].str.split("/").str[-2]
    return {**_figures("lfw", held_out(Path(folder))), **_figures("orl", orl)}


def _figures(name: str, faces: pd.DataFrame) -> Figures:
    codes, _ = pd.factorize(faces["person"], sort=True)
    vectors = np.stack(faces["vector"].to_list()).astype(np.float32)
    first = ~pd.Series(codes).duplicated().to_numpy()
    enrolled = codes % 2 == 0
    template = first & enrolled
    found = match_enrolled(
        vectors[~template], np.arange((~template).sum()), vectors[template], codes[template], profile=shipped()
    )
    whose, known = codes[~template], enrolled[~template]
    right = found == whose
    return {
        f"matching_{name}_enrolled_people": float(template.sum()),
        f"matching_{name}_faces_of_enrolled": float(known.sum()),
        f"matching_{name}_of_these_matched": float(right[known].mean()),
        f"matching_{name}_faces_of_strangers": float((~known).sum()),
        f"matching_{name}_strangers_matched": float((found[~known] != NOBODY).sum()),
        f"matching_{name}_enrolled_taken_for_others": float(((found != NOBODY) & ~right)[known].sum()),
    }
