"""Numbered inputs, each made of its number alone, tried until the time is over."""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable


def fuzz(about: str | None, try_one: Callable[[random.Random], str]) -> int:
    """Try inputs as the command line says; say which broke a law, and how to try it again.

    Args:
        about: what is fuzzed, for `--help`.
        try_one: makes an input of what is random, tries it, and says what came of it.

    Returns:
        The exit code: 1 if one raised anything.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="Try this input alone again.")
    options = parser.parse_args()
    outcomes, n_broken = Counter[str](), 0
    number = options.only or 0
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        try:
            outcomes[try_one(random.Random(f"{options.seed} {number}"))] += 1
        except Exception as error:
            n_broken += 1
            print(f"--seed {options.seed} --only {number}: {error!r}"[:900], flush=True)
        number += 1
        if options.only is not None:
            break
    n_tried = outcomes.total() + n_broken
    print(f"{n_tried:,} inputs, {n_broken} broke a law (seed {options.seed})")
    for outcome, count in outcomes.most_common():
        print(f"{count:>8,} {outcome}")
    return 1 if n_broken else 0
