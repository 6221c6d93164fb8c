"""Runs the tests with a line for each, slowly enough to be watched.

    python3 check.py [--pace SECONDS] [--expect-failure] [MODULE …]

Without modules it runs all of them. `--expect-failure` turns the answer round: exit 0 if a test fails (the failure is
recorded in the output), exit 1 if none does.
"""

import argparse
import sys
import time
import unittest


class PacedResult(unittest.TextTestResult):
    """Says each test as it ends, then waits."""

    pace = 0.0

    def stopTest(self, test):
        super().stopTest(test)
        sys.stdout.flush()
        time.sleep(self.pace)


def main():
    parser = argparse.ArgumentParser(description="Run the greeter's tests.")
    parser.add_argument("modules", nargs="*", help="such as tests.test_names (default: all)")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds to wait after each test")
    parser.add_argument("--expect-failure", action="store_true", help="exit 0 if a test fails, 1 if none does")
    given = parser.parse_args()
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(given.modules) if given.modules else loader.discover("tests", top_level_dir=".")
    PacedResult.pace = given.pace
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=PacedResult)
    result = runner.run(suite)
    if result.testsRun == 0:
        print("no test was found")
        return 1
    if not given.expect_failure:
        return 0 if result.wasSuccessful() else 1
    broken = [*result.failures, *result.errors]
    for test, _ in broken:
        print(f"recorded: {test.id()} fails")
    if not broken:
        print("no test fails here: there is nothing to mend")
    return 0 if broken else 1


if __name__ == "__main__":
    sys.exit(main())
