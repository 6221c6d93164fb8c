import unittest

from greeter.daytime import part_of_day


class PartOfDay(unittest.TestCase):
    def test_small_hours_are_night(self):
        self.assertEqual([part_of_day(hour) for hour in (0, 3, 4)], ["night"] * 3)

    def test_morning_begins_at_five(self):
        self.assertEqual([part_of_day(hour) for hour in (5, 8, 11)], ["morning"] * 3)

    def test_noon_is_afternoon(self):
        self.assertEqual(part_of_day(12), "afternoon")

    def test_afternoon_lasts_until_six(self):
        self.assertEqual([part_of_day(hour) for hour in (13, 17)], ["afternoon"] * 2)

    def test_evening_lasts_until_midnight(self):
        self.assertEqual([part_of_day(hour) for hour in (18, 23)], ["evening"] * 2)

    def test_other_numbers_are_refused(self):
        for hour in (-1, 24):
            with self.assertRaises(ValueError):
                part_of_day(hour)
