import collections
import sys
import traceback
from random import Random

from tests.simulation.core_plans import Author, Mischief
from tests.simulation.core_world import Habits, World


def one(seed):
    r = Random(seed)
    w = World(r, Author(r, Mischief()).story(), Habits())
    return w, w.run


if __name__ == "__main__":
    c = collections.Counter()
    shown = 0
    facts = 0
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        w = None
        try:
            w, run = one(seed)
            c[run().value] += 1
        except Exception as e:
            tb = traceback.extract_tb(e.__traceback__)[-1]
            k = f"{type(e).__name__} {str(e)[:60]} {tb.name}:{tb.lineno}"
            if not c[k]:
                print(seed, k, len(w.log) if w else "")
            c[k] += 1
        if w:
            facts += len(w.log)
    print(facts)
    for k in c.items():
        print(k)
