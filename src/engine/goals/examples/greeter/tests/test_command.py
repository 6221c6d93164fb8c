import contextlib
import io
import unittest

from greeter.__main__ import main


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()


class Command(unittest.TestCase):
    def test_it_prints_one_greeting(self):
        self.assertEqual(run("ada", "--hour", "9"), (0, "Good morning, Ada!\n", ""))

    def test_the_language_can_be_chosen(self):
        self.assertEqual(run("ada", "--hour", "22", "--language", "de"), (0, "Guten Abend, Ada!\n", ""))

    def test_without_an_hour_it_takes_the_present_one(self):
        code, out, _ = run("ada")
        self.assertEqual(code, 0)
        self.assertTrue(out.endswith(", Ada!\n"))

    def test_an_impossible_hour_ends_with_two(self):
        code, out, err = run("ada", "--hour", "25")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("25", err)

    def test_an_unknown_language_is_a_usage_error(self):
        with self.assertRaises(SystemExit) as ended:
            run("ada", "--language", "xx")
        self.assertEqual(ended.exception.code, 2)
