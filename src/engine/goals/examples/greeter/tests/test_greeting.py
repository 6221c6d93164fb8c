import unittest

from greeter.greeting import PHRASES, greet


class Greeting(unittest.TestCase):
    def test_english_is_the_default(self):
        self.assertEqual(greet("ada", 8), "Good morning, Ada!")

    def test_the_time_of_day_decides(self):
        self.assertEqual(greet("ada", 20), "Good evening, Ada!")

    def test_german(self):
        self.assertEqual(greet("emmy noether", 14, "de"), "Guten Tag, Emmy Noether!")

    def test_french(self):
        self.assertEqual(greet("sophie germain", 19, "fr"), "Bonsoir, Sophie Germain!")

    def test_every_language_has_every_part_of_the_day(self):
        for language, phrases in PHRASES.items():
            with self.subTest(language=language):
                self.assertEqual(set(phrases), {"night", "morning", "afternoon", "evening"})

    def test_an_unknown_language_is_refused(self):
        with self.assertRaises(ValueError):
            greet("ada", 8, "xx")
