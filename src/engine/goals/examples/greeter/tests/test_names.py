import unittest

from greeter.names import display_name


class DisplayName(unittest.TestCase):
    def test_first_letters_become_capitals(self):
        self.assertEqual(display_name("ada lovelace"), "Ada Lovelace")

    def test_spaces_are_reduced_to_one(self):
        self.assertEqual(display_name("  grace   hopper "), "Grace Hopper")

    def test_capitals_inside_a_word_stay(self):
        self.assertEqual(display_name("katherine McCoy"), "Katherine McCoy")

    def test_both_parts_of_a_double_name(self):
        self.assertEqual(display_name("marie-curie"), "Marie-Curie")

    def test_particles_are_small(self):
        self.assertEqual(display_name("ludwig Van beethoven"), "Ludwig van Beethoven")

    def test_a_particle_that_comes_first_is_a_name(self):
        self.assertEqual(display_name("van gogh"), "Van Gogh")

    def test_no_name_is_refused(self):
        with self.assertRaises(ValueError):
            display_name("   ")
