"""Which part of the day an hour belongs to."""


def part_of_day(hour):
    """`night`, `morning`, `afternoon` or `evening` for an hour from 0 to 23.

    Night ends at 5, the afternoon begins at 12 sharp, the evening at 18. Raises ValueError for any other number.
    """
    if not 0 <= hour <= 23:
        raise ValueError(f"{hour} is no hour of the day")
    if hour < 5:
        return "night"
    if hour <= 12:
        return "morning"
    if hour < 18:
        return "afternoon"
    return "evening"
