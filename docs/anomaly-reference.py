# What scikit-learn's isolation forest makes of the sets of docs/anomaly-accuracy.ts: python docs/anomaly-reference.py <folder with the .npz files>
# writes each set as <name>.csv (the class last) and reference.json beside them. Needs numpy and scikit-learn.

import json
import sys
from pathlib import Path

import numpy
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

folder = Path(sys.argv[1])
reference = {"version": sklearn.__version__, "sets": {}}
for path in sorted(folder.glob("*.npz")):
    found = numpy.load(path)
    rows, classes = found["X"], found["y"].astype(int)
    numpy.savetxt(path.with_suffix(".csv"), numpy.column_stack([rows, classes]), delimiter=",", fmt="%.9g")
    areas = []
    for seed in range(10):
        forest = IsolationForest(n_estimators=100, max_samples=256, random_state=seed).fit(rows)
        areas.append(roc_auc_score(classes, -forest.score_samples(rows)))
    reference["sets"][path.stem] = {"rows": len(rows), "columns": rows.shape[1], "anomalies": int(classes.sum()), "areas": areas}
    print(path.stem, rows.shape, round(float(numpy.mean(areas)), 4))
(folder / "reference.json").write_text(json.dumps(reference))
